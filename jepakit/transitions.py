"""Windows of episodes: frames, what was done between them, and the agent's own state."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


@dataclass(frozen=True)
class TransitionBatch:
    """Consecutive frames of episodes; axes as in :mod:`jepakit.batch`, ``s`` the agent's state.

    Attributes:
        frames: RGB, 0..255. Floats are taken for normalised already.
        actions: in the units of the data set's action space; ``actions[:, i]`` leads from frame
            ``i`` to frame ``i + 1``.
        states: of the agent alone (proprioception), in its own units; ``s`` is 0 without one.
        keys: name of each window's episode and first frame.
        features: latents of every frame that a frozen encoder made before, instead of frames.
    """

    frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"]
    actions: Float[Tensor, "b t-1 a"]
    states: Float[Tensor, "b t s"]
    keys: tuple[str, ...]
    features: Float[Tensor, "b t n d"] | None = None

    def __len__(self) -> int:
        """Number of windows."""
        return self.actions.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> TransitionBatch:  # noqa: FBT001, FBT002
        """The same batch on ``device``."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> TransitionBatch:
        """The same batch in page-locked memory (called by the data loader)."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> TransitionBatch:
        tensors = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        changed: dict[str, Any] = {
            name: change(value) for name, value in tensors.items() if isinstance(value, Tensor)
        }
        return dataclasses.replace(self, **changed)

    @classmethod
    def fake(
        cls,
        batch: int = 2,
        *,
        frames: int = 4,
        size: int = 32,
        actions: int = 2,
        states: int = 2,
        generator: torch.Generator | None = None,
    ) -> TransitionBatch:
        """Noise of the right shapes; for tests and dry runs."""
        noise = torch.randint(0, 256, (batch, frames, size, size, 3), generator=generator)
        return cls(
            frames=noise.to(torch.uint8),
            actions=torch.rand(batch, frames - 1, actions, generator=generator) * 2 - 1,
            states=torch.rand(batch, frames, states, generator=generator),
            keys=tuple(f"fake-{window}" for window in range(batch)),
        )
