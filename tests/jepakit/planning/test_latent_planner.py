"""From a state and a goal to a plan: imagination, memory, checks."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from planning_problems import SPACE, choices
from torch import Tensor
from toy_world import ToyState, ToyWorld, latents

from jepakit.planning import (
    CEM,
    CategoricalCEM,
    GoalDistance,
    GradientDescent,
    LatentPlanner,
    Solver,
    chunked,
    imagine,
)
from jepakit.protocols import WorldModel

HORIZON = 4


def some_plans(samples: int = 5) -> Tensor:
    return torch.randn(2, samples, HORIZON, 2, generator=torch.Generator().manual_seed(2))


def reached(world: ToyWorld) -> Tensor:
    """Goals that the first plan of each problem leads to."""
    *_, last = imagine(world, ToyState(latents()), 0.3 * some_plans(1))
    return last[:, 0]


def cem() -> CEM:
    return CEM(SPACE, horizon=HORIZON, samples=200, iterations=15)


class TestImagine:
    def test_against_stepping_each_plan_alone(self) -> None:
        world, plans = ToyWorld(), some_plans()
        assert isinstance(world, WorldModel)
        seen = list(imagine(world, ToyState(latents()), plans))
        assert len(seen) == HORIZON
        for p, s in [(0, 0), (0, 4), (1, 0), (1, 3)]:
            state = ToyState(latents()[p : p + 1])
            for step in range(HORIZON):
                state = world.step(state, plans[p, s, step].unsqueeze(0))
                assert torch.allclose(seen[step][p, s], state.latents[0], atol=1e-6)

    def test_nothing_is_imagined_ahead(self) -> None:
        world = ToyWorld()
        steps = imagine(world, ToyState(latents()), some_plans())
        next(steps)
        assert world.rows == [10]


class TestChunks:
    @pytest.mark.parametrize(("limit", "rows"), [(1, 2), (4, 4), (5, 4), (10, 10), (999, 10)])
    def test_same_costs_of_fewer_at_once(self, limit: int, rows: int) -> None:
        """Two problems of five plans each."""
        world, goal = ToyWorld(), latents(seed=5)
        whole, parts = (
            LatentPlanner(world, cem(), GoalDistance(), max_candidates=most).cost(
                ToyState(latents()), goal
            )
            for most in (None, limit)
        )
        expected = whole(some_plans())
        world.rows.clear()
        assert torch.allclose(parts(some_plans()), expected, atol=1e-6)
        assert max(world.rows) == rows
        assert sum(world.rows) == 10 * HORIZON

    def test_refusal(self) -> None:
        with pytest.raises(ValueError, match="max_candidates must be at least 1, got 0"):
            chunked(lambda actions: actions.sum(dim=(2, 3)), 0)


class TestPlanner:
    @pytest.mark.parametrize(
        "solver",
        [cem(), GradientDescent(SPACE, horizon=HORIZON, iterations=60)],
        ids=lambda solver: type(solver).__name__,
    )
    @pytest.mark.parametrize("kind", ["l1", "l2"])
    def test_reaches_goals_within_reach(self, solver: Solver, kind: str) -> None:
        world = ToyWorld()
        planner = LatentPlanner(world, solver, GoalDistance(kind))  # type: ignore[arg-type]
        state, goal = ToyState(latents()), reached(world)
        plan = planner.plan(state, goal, seeds=[(0,), (1,)])
        nothing = planner.cost(state, goal)(torch.zeros(2, 1, HORIZON, 2))[:, 0]
        assert bool((plan.cost < (0.02 if kind == "l2" else 0.2) * nothing).all())
        *_, last = imagine(world, state, plan.actions.unsqueeze(1))
        error = (last[:, 0] - goal).abs() if kind == "l1" else (last[:, 0] - goal).square()
        assert torch.allclose(error.mean(dim=(1, 2)), plan.cost, atol=1e-6)

    def test_problems_do_not_touch_each_other(self) -> None:
        world = ToyWorld()
        planner, goal = LatentPlanner(world, cem(), GoalDistance()), reached(world)
        both = planner.plan(ToyState(latents()), goal, seeds=[(0,), (1,)])
        second = planner.plan(ToyState(latents()[1:]), goal[1:], seeds=[(1,)])
        assert torch.allclose(both.actions[1], second.actions[0], atol=1e-5)

    def test_a_broken_model_is_reported(self) -> None:
        world = ToyWorld()
        world.matrix.fill_(torch.nan)
        planner = LatentPlanner(world, cem(), GoalDistance())
        with pytest.raises(ValueError, match="cost NaN or infinity"):
            planner.plan(ToyState(latents()), latents(seed=5), seeds=[(0,), (1,)])


class TestRefusals:
    def test_actions_of_another_model(self) -> None:
        with pytest.raises(ValueError, match=r"plans 3 actions \['c0', 'c1', 'c2'\], .* takes 2"):
            LatentPlanner(ToyWorld(), CategoricalCEM(choices(3), horizon=1), GoalDistance())

    def test_narrower_bounds_are_welcome(self) -> None:
        narrow = dataclasses.replace(SPACE, low=(-0.1, -0.1), high=(0.1, 0.1))
        planner = LatentPlanner(ToyWorld(), CEM(narrow, horizon=1), GoalDistance())
        plan = planner.plan(ToyState(latents()), latents(seed=5), seeds=[(0,), (1,)])
        assert plan.actions.abs().max() <= 0.1

    def test_horizon(self) -> None:
        LatentPlanner(ToyWorld(), cem(), GoalDistance(), horizon_limit=4)
        with pytest.raises(ValueError, match="plans 4 steps, the model can imagine 3"):
            LatentPlanner(ToyWorld(), cem(), GoalDistance(), horizon_limit=3)

    def test_goals(self) -> None:
        planner, state = LatentPlanner(ToyWorld(), cem(), GoalDistance()), ToyState(latents())
        with pytest.raises(ValueError, match=r"\(2, 3, 4\) as those of the state, came \(1, 3, 4"):
            planner.plan(state, latents(1), seeds=[(0,)])
        with pytest.raises(ValueError, match="2 goals, 1 seeds"):
            planner.plan(state, latents(), seeds=[(0,)])
        with pytest.raises(ValueError, match=r"Goals \[0, 1\] hold NaN"):
            planner.plan(state, torch.full((2, 3, 4), torch.nan), seeds=[(0,), (1,)])
