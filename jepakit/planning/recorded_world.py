"""A world model that sees by recorded kernels; imagination is recorded as a whole by who plans."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, UInt8
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest
from jepakit.planning.recording import Recorder
from jepakit.protocols import WorldModel


class RecordedWorld:
    """The same model, its ``start`` and ``goal`` run by a :class:`Recorder`.

    Args:
        model: a world model on a CUDA device whose weights do not change.
    """

    def __init__(self, model: WorldModel[Any]) -> None:
        self.model = model
        self._start, self._goal = Recorder(model.start), Recorder(model.goal)

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
        return self._start(frames, actions, states)

    def step(self, state: Any, action: Float[Tensor, "b a"]) -> Any:
        """The state after an action, imagined, by plain kernels."""
        return self.model.step(state, action)

    def goal(self, frames: UInt8[Tensor, "b h w 3"]) -> Float[Tensor, "b n d"]:
        """Latents of goal images."""
        return self._goal(frames)
