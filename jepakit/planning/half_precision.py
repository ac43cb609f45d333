"""A world model in bfloat16: half the memory of its weights, and the matrix units of a GPU."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest
from jepakit.protocols import WorldModel


class HalfPrecision:
    """Imagines as the model does, with matrix products in bfloat16 and all else in float32.

    Numbers are those of ``torch.autocast``; but the weights of linear maps are turned to bfloat16
    once and for all, in the model itself, where autocast would do so in every pass or keep a copy.

    Args:
        model: a world model for inference; it is changed.
    """

    def __init__(self, model: WorldModel[Any]) -> None:
        self.model = model
        module = cast(nn.Module, model)
        for part in module.modules():
            if isinstance(part, nn.Linear):
                part.to(torch.bfloat16).requires_grad_(requires_grad=False)
        self._device = next(module.parameters()).device.type

    @property
    def actions(self) -> ActionSpace:
        """The actions it was trained on."""
        return self.model.actions

    @property
    def request(self) -> BatchRequest:
        """The frames that it takes."""
        return self.model.request

    def start(
        self,
        frames: UInt8[Tensor, "b t h w 3"],
        actions: Float[Tensor, "b t-1 a"],
        states: Float[Tensor, "b t s"],
    ) -> Any:
        """The state after some frames and what was done between them."""
        with self._half():
            return self.model.start(frames, actions, states)

    def step(self, state: Any, action: Float[Tensor, "b a"]) -> Any:
        """The state after an action, imagined."""
        with self._half():
            return self.model.step(state, action)

    def goal(self, frames: UInt8[Tensor, "b h w 3"]) -> Float[Tensor, "b n d"]:
        """Latents of goal images."""
        with self._half():
            return self.model.goal(frames)

    def _half(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device, torch.bfloat16, cache_enabled=False)
