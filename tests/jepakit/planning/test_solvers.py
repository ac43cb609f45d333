"""What every planner promises: known optima, bounds, seeds, budgets, costs that fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from planning_problems import HALF_RANGE, HORIZON, SPACE, TARGETS, choices, quadratic
from torch import Tensor

from jepakit.planning import (
    CEM,
    ICEM,
    MPPI,
    CategoricalCEM,
    GradientDescent,
    RandomShooting,
    Solver,
    shifted,
)

SEEDS = [(7, "a"), (7, "b"), (7, "c")]
LEARNERS: list[Solver] = [
    CEM(SPACE, horizon=HORIZON, samples=200, iterations=20),
    ICEM(SPACE, horizon=HORIZON, samples=200, iterations=25, colour=0.5, decay=1.05),
    MPPI(SPACE, horizon=HORIZON, samples=200, iterations=20),
    GradientDescent(SPACE, horizon=HORIZON, starts=4, iterations=80),
]
SOLVERS = [*LEARNERS, RandomShooting(SPACE, horizon=HORIZON, samples=200, iterations=3)]


def name(solver: Solver) -> str:
    return type(solver).__name__


every = pytest.mark.parametrize("solver", SOLVERS, ids=name)
learning = pytest.mark.parametrize("solver", LEARNERS, ids=name)


class TestOptima:
    @learning
    def test_inside_the_bounds(self, solver: Solver) -> None:
        plan = solver.solve(quadratic(TARGETS), seeds=SEEDS)
        error = ((plan.actions - TARGETS) / HALF_RANGE).abs().max()
        assert error < 0.05, error
        assert torch.allclose(quadratic(TARGETS)(plan.actions.unsqueeze(1))[:, 0], plan.cost)

    @learning
    def test_at_a_bound(self, solver: Solver) -> None:
        """The best actions lie outside, so that the nearest bound is the optimum."""
        outside = TARGETS.clone()
        outside[:, 0, 0], outside[:, 1, 1] = 3.0, -9.0
        plan = solver.solve(quadratic(outside), seeds=SEEDS)
        nearest = outside.clamp(torch.tensor(SPACE.low), torch.tensor(SPACE.high))
        assert ((plan.actions - nearest) / HALF_RANGE).abs().max() < 0.06

    @every
    def test_candidates_stay_within_the_bounds(self, solver: Solver) -> None:
        seen: list[Tensor] = []

        def cost(actions: Tensor) -> Tensor:
            seen.append(actions.detach())
            return -actions.square().sum(dim=(2, 3))

        plan = solver.solve(cost, seeds=SEEDS)
        for actions in [*seen, plan.actions, plan.elites]:
            assert bool((actions >= torch.tensor(SPACE.low)).all())
            assert bool((actions <= torch.tensor(SPACE.high)).all())

    @every
    def test_the_plan_is_the_best_one_ever_evaluated(self, solver: Solver) -> None:
        seen: list[Tensor] = []

        def cost(actions: Tensor) -> Tensor:
            costs = quadratic(TARGETS)(actions) + 0.5 * torch.sin(40 * actions).mean(dim=(2, 3))
            seen.append(costs.detach())
            return costs

        plan = solver.solve(cost, seeds=SEEDS)
        lowest = torch.stack([costs.min(dim=1).values for costs in seen], dim=1)
        assert torch.equal(plan.cost, lowest.min(dim=1).values)
        assert torch.equal(plan.cost_history, lowest.cummin(dim=1).values)
        assert torch.equal(plan.mean_cost_history[:, 1], seen[1].mean(dim=1))
        assert torch.allclose(cost(plan.actions.unsqueeze(1))[:, 0], plan.cost, atol=1e-6)


class TestSeeds:
    @every
    def test_same_seed_same_plan(self, solver: Solver) -> None:
        first, again = (solver.solve(quadratic(TARGETS), seeds=SEEDS) for _ in range(2))
        assert torch.equal(first.actions, again.actions)
        other = solver.solve(quadratic(TARGETS), seeds=[(8, "a"), (8, "b"), (8, "c")])
        assert not torch.equal(first.elites, other.elites)

    @every
    def test_a_batch_is_its_problems_one_by_one(self, solver: Solver) -> None:
        together = solver.solve(quadratic(TARGETS), seeds=SEEDS)
        for i, seed in enumerate(SEEDS):
            alone = solver.solve(quadratic(TARGETS[i : i + 1]), seeds=[seed])
            assert torch.allclose(alone.actions[0], together.actions[i], atol=1e-5)
            assert torch.allclose(alone.cost_history[0], together.cost_history[i], atol=1e-5)

    def test_global_random_numbers_are_left_alone(self) -> None:
        before = torch.random.get_rng_state()
        SOLVERS[0].solve(quadratic(TARGETS), seeds=SEEDS)
        assert torch.equal(before, torch.random.get_rng_state())


class TestStarts:
    @every
    def test_a_warm_start_is_evaluated(self, solver: Solver) -> None:
        plan = solver.solve(quadratic(TARGETS), seeds=SEEDS, warm_start=TARGETS)
        assert plan.cost_history[:, 0].max() < 1e-10

    @every
    def test_candidates_are_evaluated(self, solver: Solver) -> None:
        given = torch.stack([torch.zeros_like(TARGETS), TARGETS], dim=1)
        plan = solver.solve(quadratic(TARGETS), seeds=SEEDS, candidates=given)
        assert plan.cost_history[:, 0].max() < 1e-10

    @learning
    def test_a_warm_start_nearby_helps(self, solver: Solver) -> None:
        """With the time for one iteration, and for all."""
        near = TARGETS + 0.1 * HALF_RANGE
        for budget in (0.0, None):
            cold, warm = (
                solver.solve(
                    quadratic(TARGETS), seeds=SEEDS, warm_start=start, budget_seconds=budget
                )
                for start in (None, near)
            )
            assert bool((warm.mean_cost_history[:, 0] < cold.mean_cost_history[:, 0]).all())
            assert budget is None or bool((warm.cost < cold.cost).all())

    def test_shapes(self) -> None:
        solver = SOLVERS[0]
        with pytest.raises(ValueError, match=r"warm_start must be \(p, h, a\) = \(3, 3, 2\)"):
            solver.solve(quadratic(TARGETS), seeds=SEEDS, warm_start=TARGETS[:2])
        with pytest.raises(ValueError, match=r"candidates must be .*\(3, 3, 2\), came \(3, 1, 2"):
            solver.solve(quadratic(TARGETS), seeds=SEEDS, candidates=TARGETS[:, None, :2])

    def test_shifted(self) -> None:
        plan = torch.arange(6.0).view(1, 3, 2)
        assert shifted(plan)[0].tolist() == [[2, 3], [4, 5], [4, 5]]
        assert shifted(plan, 2, pad=torch.zeros(2))[0].tolist() == [[4, 5], [0, 0], [0, 0]]
        assert torch.equal(shifted(plan, 0), plan)
        elites = torch.stack([plan, plan + 1], dim=1)
        assert torch.equal(shifted(elites)[:, 1], shifted(plan + 1))
        with pytest.raises(ValueError, match="3 actions cannot have executed 4"):
            shifted(plan, 4)


class FakeClock:
    """Every iteration takes a second: the clock is read once before and once after each."""

    def __init__(self) -> None:
        self.times: Iterator[float] = iter(float(i) for i in range(1000))

    def __call__(self) -> float:
        return next(self.times)


class TestBudget:
    @pytest.mark.parametrize(
        ("budget", "iterations"), [(0.0, 1), (1.9, 1), (3.0, 3), (3.9, 3), (1e9, 20), (None, 20)]
    )
    def test_iterations_that_fit(self, budget: float | None, iterations: int) -> None:
        plan = LEARNERS[0].solve(
            quadratic(TARGETS), seeds=SEEDS, budget_seconds=budget, clock=FakeClock()
        )
        assert plan.iterations == iterations
        assert plan.stopped_early == (iterations < 20)
        assert plan.cost_history.shape == plan.elite_spread.shape == (3, iterations)
        assert plan.seconds == iterations + 1
        assert plan.model_calls == iterations * 200 * HORIZON


class TestFailures:
    @every
    def test_nan_counts_as_worst(self, solver: Solver) -> None:
        """Half of the space costs NaN, some of it infinity; both are reported."""
        unusable = 0
        means: list[Tensor] = []

        def cost(actions: Tensor) -> Tensor:
            nonlocal unusable
            costs = quadratic(TARGETS)(actions)
            bad = actions[:, :, 2, 0] > 0.4
            worse = bad & (actions[:, :, 0, 0] > 0)
            unusable += int(bad.sum())
            means.append(costs.detach().masked_fill(bad, torch.nan).nanmean(dim=1))
            return costs.masked_fill(bad, torch.nan).masked_fill(worse, -torch.inf)

        plan = solver.solve(cost, seeds=SEEDS)
        assert int(plan.non_finite.sum()) == unusable > 0
        assert plan.actions.isfinite().all()
        assert plan.cost.isfinite().all()
        assert torch.allclose(plan.mean_cost_history, torch.stack(means, dim=1))
        assert plan.elite_spread.isfinite().all()
        assert bool((plan.actions[:, 2, 0] <= 0.4).all())

    @every
    def test_nothing_but_nan(self, solver: Solver) -> None:
        def cost(actions: Tensor) -> Tensor:
            costs = quadratic(TARGETS)(actions)
            costs[1] = torch.nan
            return costs

        with pytest.raises(ValueError, match=r"NaN or infinity in iteration 0 of problems \[1\]"):
            solver.solve(cost, seeds=SEEDS)

    @every
    def test_a_cost_of_the_wrong_shape(self, solver: Solver) -> None:
        with pytest.raises(ValueError, match="one number for each"):
            solver.solve(lambda actions: actions.mean(dim=(1, 2, 3)), seeds=SEEDS)

    @pytest.mark.parametrize(
        "solver",
        [
            CEM(SPACE, horizon=HORIZON, samples=50, elites=1, iterations=10),
            ICEM(SPACE, horizon=HORIZON, samples=50, elites=1, iterations=10),
            MPPI(SPACE, horizon=HORIZON, samples=50, elites=1, iterations=10),
        ],
        ids=name,
    )
    def test_one_elite_keeps_exploring(self, solver: Solver) -> None:
        plan = solver.solve(quadratic(TARGETS), seeds=SEEDS)
        assert plan.actions.isfinite().all()
        assert bool((plan.cost_history[:, 9] < plan.cost_history[:, 1]).all())
        assert plan.elites.shape[1] == 1

    @every
    def test_equal_costs(self, solver: Solver) -> None:
        plan = solver.solve(lambda actions: 0 * actions.sum(dim=(2, 3)), seeds=SEEDS)
        assert plan.actions.isfinite().all()


class TestHeld:
    @every
    def test_held_actions_keep_their_value(self, solver: Solver) -> None:
        """Even outside of the bounds, and the rest finds its optimum."""
        kind = type(solver)
        holding = kind(SPACE, horizon=HORIZON, iterations=solver.iterations, held={"turn": 7.0})
        plan = holding.solve(quadratic(TARGETS), seeds=SEEDS)
        assert bool((plan.actions[..., 1] == 7.0).all())
        assert bool((plan.elites[..., 1] == 7.0).all())
        if not isinstance(solver, RandomShooting):
            assert (plan.actions[..., 0] - TARGETS[..., 0]).abs().max() < 0.05

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match=r"held has \['spin'\]; the actions are"):
            CEM(SPACE, horizon=1, held={"spin": 0.0})
        with pytest.raises(ValueError, match="Every action is held"):
            CEM(SPACE, horizon=1, held={"push": 0.0, "turn": 0.0})


def test_bound_hits_are_counted() -> None:
    """With this spread each side is hit with probability ``1 - Phi(1 / 2)`` in the beginning."""
    seen: list[Tensor] = []
    solver = CEM(SPACE, horizon=HORIZON, samples=1000, iterations=2, std=2.0, keep_best=False)

    def cost(actions: Tensor) -> Tensor:
        seen.append(actions)
        return quadratic(TARGETS)(actions)

    plan = solver.solve(cost, seeds=SEEDS)
    low, high = torch.tensor(SPACE.low), torch.tensor(SPACE.high)
    actions = torch.cat(seen, dim=1)
    on = (actions == low) | (actions == high)
    assert torch.allclose(plan.bound_hits, on.float().mean(dim=(1, 2, 3)))
    first = ((seen[0] == low) | (seen[0] == high)).float().mean().item()
    assert first == pytest.approx(2 * 0.3085, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon must be at least 1, got 0"),
        ({"horizon": 1, "iterations": 0}, "iterations must be at least 1"),
        ({"horizon": 1, "samples": 0}, "samples must be at least 1"),
        ({"horizon": 1, "samples": 10, "elites": 11}, r"up to samples \(10\), got 11"),
        ({"horizon": 1, "elites": 0}, "elites must be a share below 1"),
        ({"horizon": 1, "elites": 2.5}, "elites must be a share below 1"),
        ({"horizon": 1, "std": (1.0,)}, r"one for each of \['push', 'turn'\]"),
    ],
)
def test_refused_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CEM(SPACE, **arguments)


def test_spaces_that_cannot_be_searched() -> None:
    endless = SPACE.__class__(names=("x",), low=(0.0,), high=(float("inf"),))
    with pytest.raises(ValueError, match="Planning needs finite bounds"):
        CEM(endless, horizon=1)
    with pytest.raises(ValueError, match="one-hot: each bound must be 0 and 1"):
        CategoricalCEM(SPACE, horizon=1)
    assert CategoricalCEM(choices(3), horizon=1).space.low == (0.0,) * 3
