"""From the cube to actions and back; bounds to the last bit, and their gradient."""

from __future__ import annotations

import torch

from jepakit.actions import ActionSpace
from jepakit.planning import SearchSpace

ODD = ActionSpace(names=("x", "y", "z"), low=(-0.1, 0.3, 1e-3), high=(0.7, 0.7, 100.1))


def test_corners_are_the_bounds() -> None:
    space = SearchSpace(ODD)
    points = torch.stack([-torch.ones(1, 3), torch.ones(1, 3), torch.zeros(1, 3)])
    low, high = torch.tensor(ODD.low), torch.tensor(ODD.high)
    assert torch.equal(space.actions(points)[:2, 0], torch.stack([low, high]).clamp(low, high))
    assert torch.allclose(space.actions(points)[2, 0], (low + high) / 2)


def test_there_and_back() -> None:
    space = SearchSpace(ODD, held={"y": -5.0})
    points = 2 * torch.rand(50, 4, 2, generator=torch.Generator().manual_seed(0)) - 1
    actions = space.actions(points)
    assert bool((actions[..., 1] == -5.0).all())
    assert torch.allclose(space.points(actions), points, atol=1e-5)
    assert len(space) == 2


def test_actions_beyond_the_bounds_become_the_nearest_points() -> None:
    found = SearchSpace(ODD).points(torch.tensor([[[9.0, 0.5, -9.0]]]))
    assert torch.allclose(found, torch.tensor([1.0, 0.0, -1.0]), atol=1e-6)


def test_a_plan_on_a_bound_has_a_gradient() -> None:
    """Half of each range, wherever the point is."""
    points = torch.tensor([[[1.0, -1.0, 1.0]], [[0.2, 1.0, -1.0]]], requires_grad=True)
    actions = SearchSpace(ODD).actions(points)
    actions.sum().backward()
    assert points.grad is not None
    assert torch.allclose(points.grad, torch.tensor([0.4, 0.2, 50.0495]).expand(2, 1, 3))
    assert torch.equal(actions.detach(), SearchSpace(ODD).actions(points.detach()))
