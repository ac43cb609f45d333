"""Where planners search: a cube from -1 to 1 over the actions that are free to choose."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.actions import ActionSpace


class SearchSpace:
    """Maps points of the cube to actions within their bounds, and back.

    Args:
        space: the actions with their bounds.
        held: values of the actions, by name, that are not searched; they may lie anywhere.

    Raises:
        ValueError: a name is unknown, nothing is left to search, or a free action has no bound.
    """

    def __init__(self, space: ActionSpace, held: Mapping[str, float] | None = None) -> None:
        held = held or {}
        if unknown := sorted(set(held) - set(space.names)):
            raise ValueError(f"held has {unknown}; the actions are {list(space.names)}.")
        self.space = space
        self.free = [i for i, name in enumerate(space.names) if name not in held]
        if not self.free:
            raise ValueError(f"Every action is held: {dict(held)}. Leave one free to search.")
        bounds = [(space.low[i], space.high[i]) for i in self.free]
        if not all(math.isfinite(number) for pair in bounds for number in pair):
            raise ValueError(f"Planning needs finite bounds, came {bounds}: narrow the space.")
        self._template = torch.tensor([held.get(name, 0.0) for name in space.names])
        self._low, self._high = torch.tensor(bounds).unbind(dim=1)

    def __len__(self) -> int:
        """Numbers of a point, the actions that are free."""
        return len(self.free)

    def per_action(self, value: float | tuple[float, ...]) -> Float[Tensor, " c"]:
        """One value per free action, from one for all or one per action of the space.

        Raises:
            ValueError: there are neither one nor as many values as actions.
        """
        values = value if isinstance(value, tuple) else (value,) * len(self.space)
        if len(values) != len(self.space):
            raise ValueError(
                f"Give one value or one for each of {list(self.space.names)}, came {values}."
            )
        return torch.tensor([float(values[i]) for i in self.free])

    def actions(self, points: Float[Tensor, "*p h c"]) -> Float[Tensor, "*p h a"]:
        """Actions in their own units; they never leave their bounds."""
        low, high = self._low.to(points), self._high.to(points)
        chosen = (low + high) / 2 + (high - low) / 2 * points
        # A bound may be missed by a rounding. The clamp must not stop the gradient of a plan that
        # lies on a bound, or it would stay there for good.
        inside = chosen.detach().clamp(low, high)
        chosen = chosen + (inside - chosen.detach()) if chosen.requires_grad else inside
        if len(self.free) == len(self.space):
            return chosen
        template = self._template.to(points)
        return (
            template.expand(*points.shape[:-1], -1)
            .clone()
            .index_copy(-1, torch.tensor(self.free, device=points.device), chosen)
        )

    def points(self, actions: Float[Tensor, "*p h a"]) -> Float[Tensor, "*p h c"]:
        """The nearest points of the cube; held actions are left out."""
        low, high = self._low.to(actions), self._high.to(actions)
        return ((actions[..., self.free] - (low + high) / 2) / ((high - low) / 2)).clamp(-1, 1)
