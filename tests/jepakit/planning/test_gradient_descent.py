"""Adam that really steps: by hand, as the paper writes it, without a gradient."""

from __future__ import annotations

import pytest
import torch
from planning_problems import HALF_RANGE, HORIZON, SPACE, TARGETS, quadratic
from torch import Tensor

from jepakit.planning import GradientDescent
from jepakit.planning.gradient import DescentSearch


def searched(steps: int, targets: Tensor, **options: float) -> tuple[GradientDescent, list[Tensor]]:
    """The points of every evaluation."""
    solver = GradientDescent(SPACE, horizon=HORIZON, starts=5, **options)
    search = solver.search(solver._start([(0, i) for i in range(3)], None, None, "cpu"))
    assert isinstance(search, DescentSearch)
    seen = []
    for _ in range(steps + 1):
        points = search.propose()
        seen.append(points.detach())
        search.learn(points, quadratic(targets)(solver.search_space.actions(points)))
    return solver, seen


def test_first_step_by_hand() -> None:
    """Averages of one gradient, undone of their bias, are the gradient: a step of its sign."""
    solver, (before, after) = searched(1, TARGETS, rate=0.03)
    target = solver.search_space.points(TARGETS).unsqueeze(1)
    gradient = 2 * (before - target) / (HORIZON * 2)
    expected = before - 0.03 * gradient / (gradient.abs() + 1e-8)
    assert torch.allclose(after, expected.clamp(-1, 1), atol=1e-6)
    assert (after - before).abs().max() == pytest.approx(0.03, rel=1e-3)


def test_many_steps_as_the_paper_writes_them() -> None:
    """Kingma and Ba, Algorithm 1, in float64; every plan on its own: Adam works by number."""
    targets = TARGETS + 0.03  # no gradient is 0, which eps and roundings would decide
    solver, seen = searched(12, targets, rate=0.2)
    target = solver.search_space.points(targets).unsqueeze(1).double()
    x, m, v = seen[0].double(), torch.zeros(()), torch.zeros(())
    for t, after in enumerate(seen[1:], start=1):
        g = 2 * (x - target) / (HORIZON * 2)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = x - 0.2 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        x = x.clamp(-1, 1)
        assert torch.allclose(after.double(), x, atol=1e-5)


def test_starts() -> None:
    """The warm start, then given candidates, then random plans; each improves."""
    solver = GradientDescent(SPACE, horizon=HORIZON, starts=4, iterations=1)
    warm, given = TARGETS + 0.1, torch.stack([TARGETS - 0.2, TARGETS + 0.3], dim=1)
    seen: list[Tensor] = []

    def cost(actions: Tensor) -> Tensor:
        seen.append(actions.detach())
        return quadratic(TARGETS)(actions)

    solver.solve(cost, seeds=[(i,) for i in range(3)], warm_start=warm, candidates=given)
    low, high = torch.tensor(SPACE.low), torch.tensor(SPACE.high)
    assert torch.allclose(seen[0][:, 0], warm.clamp(low, high), atol=1e-6)
    assert torch.allclose(seen[0][:, 1:3], given.clamp(low, high), atol=1e-6)
    assert len(seen[0][0].unique(dim=0)) == 4


def test_more_starts_escape_a_local_minimum() -> None:
    def cost(actions: Tensor) -> Tensor:
        x = ((actions - TARGETS[:1].unsqueeze(1)) / HALF_RANGE)[..., 0]
        return (x.square() + 0.3 * (1 - torch.cos(9 * x))).mean(dim=2)

    one, many = (
        GradientDescent(SPACE, horizon=HORIZON, starts=n, iterations=60, std=1.0).solve(
            cost, seeds=[(0,)], warm_start=TARGETS[:1] + 0.7
        )
        for n in (1, 64)
    )
    assert many.cost.item() < 0.8 * one.cost.item()


@pytest.mark.parametrize("hide", [Tensor.detach, torch.zeros_like])
def test_costs_without_gradient_are_refused(hide: object) -> None:
    assert callable(hide)
    solver = GradientDescent(SPACE, horizon=HORIZON)
    with pytest.raises(ValueError, match="needs costs that depend on the actions"):
        solver.solve(lambda actions: quadratic(TARGETS[:1])(hide(actions)), seeds=[(0,)])


def test_a_plan_needs_no_gradient_afterwards() -> None:
    plan = GradientDescent(SPACE, horizon=HORIZON, iterations=3).solve(
        quadratic(TARGETS[:1]), seeds=[(0,)]
    )
    assert not any(x.requires_grad for x in (plan.actions, plan.cost, plan.elites))


def test_gradients_that_are_not_finite_count_as_zero() -> None:
    """The root of 0 has none; all other numbers find their optimum."""

    def cost(actions: Tensor) -> Tensor:
        broken = (0 * actions[:, :, 0, 0]).sqrt()
        return quadratic(TARGETS[:1])(actions) + broken

    solver = GradientDescent(SPACE, horizon=HORIZON, starts=2, iterations=100)
    plan = solver.solve(cost, seeds=[(0,)])
    error = ((plan.actions - TARGETS[:1]) / HALF_RANGE).abs().flatten()
    assert error[1:].max() < 0.02
    assert error[0] > 0.1
