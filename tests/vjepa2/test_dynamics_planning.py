"""Planners on the world model: goals that it can reach, batches, memory, gradients."""

from __future__ import annotations

import pytest
import torch
from small_dynamics import SPACE, batch, small
from torch import Tensor

from jepakit.planning import CEM, GoalDistance, GradientDescent, LatentPlanner, Solver, imagine
from vjepa2.dynamics import Dynamics
from vjepa2.latent_state import DynamicsState

HORIZON, SEEDS = 3, [(0,), (1,), (2,)]
SOLVERS: list[Solver] = [
    CEM(SPACE, horizon=HORIZON, samples=48, iterations=6),
    GradientDescent(SPACE, horizon=HORIZON, starts=6, iterations=40, rate=0.1),
]


def problem() -> tuple[Dynamics, DynamicsState, Tensor]:
    """Two frames are given, and the goal is where known actions lead."""
    model, given = small(), batch()
    state = model.start(given.frames[:, :2], given.actions[:, :1], given.states[:, :2])
    drawn = torch.rand(3, 1, HORIZON, 2, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        *_, last = imagine(model, state, 2 * drawn - 1)
    return model, state, last[:, 0]


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: type(solver).__name__)
def test_goals_within_reach(solver: Solver) -> None:
    model, state, goal = problem()
    planner = LatentPlanner(model, solver, GoalDistance("l2"))
    plan = planner.plan(state, goal, seeds=SEEDS)
    with torch.no_grad():
        nothing = planner.cost(state, goal)(torch.zeros(3, 1, HORIZON, 2))[:, 0]
    assert bool((plan.cost < 0.15 * nothing).all()), plan.cost / nothing


@pytest.mark.parametrize(
    "solver",
    [
        CEM(SPACE, horizon=2, samples=24, iterations=3),
        GradientDescent(SPACE, horizon=2, starts=3, iterations=4),
    ],
    ids=lambda solver: type(solver).__name__,
)
def test_chunks_change_nothing(solver: Solver) -> None:
    model, state, goal = problem()
    whole, parts = (
        LatentPlanner(model, solver, GoalDistance("l1"), max_candidates=most).plan(
            state, goal, seeds=SEEDS
        )
        for most in (None, 6)
    )
    assert torch.allclose(whole.cost_history, parts.cost_history, atol=1e-4)


def test_a_batch_is_its_problems_one_by_one() -> None:
    model, given = small(), batch()
    goal = model.goal(given.frames[:, 4])
    planner = LatentPlanner(model, SOLVERS[0], GoalDistance("l1"))

    def plan(rows: slice) -> Tensor:
        state = model.start(given.frames[rows, :2], given.actions[rows, :1], given.states[rows, :2])
        return planner.plan(state, goal[rows], seeds=SEEDS[rows]).actions

    together = plan(slice(None))
    for i in range(3):
        assert torch.allclose(plan(slice(i, i + 1))[0], together[i], atol=1e-5)
