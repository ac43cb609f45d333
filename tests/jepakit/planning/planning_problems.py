"""Costs with a known optimum, and spaces to search."""

from __future__ import annotations

import torch
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning import Cost

SPACE = ActionSpace(names=("push", "turn"), low=(-1.0, -2.0), high=(1.0, 6.0))
HORIZON = 3
TARGETS = torch.tensor(
    [
        [[0.3, 1.0], [-0.5, 4.0], [0.0, -1.0]],
        [[-0.2, 0.0], [0.7, 3.0], [0.1, 5.0]],
        [[0.9, 2.0], [0.2, 2.5], [-0.8, 0.5]],
    ]
)
"""Best actions of three problems, within the bounds."""
HALF_RANGE = torch.tensor([1.0, 4.0])


def quadratic(targets: Tensor) -> Cost:
    """Mean square distance to the best actions, in halves of the range; problems differ."""

    def cost(actions: Tensor) -> Tensor:
        return ((actions - targets.unsqueeze(1)) / HALF_RANGE).square().mean(dim=(2, 3))

    return cost


def choices(count: int) -> ActionSpace:
    """One-hot actions."""
    return ActionSpace(
        names=tuple(f"c{i}" for i in range(count)), low=(0.0,) * count, high=(1.0,) * count
    )
