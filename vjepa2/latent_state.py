"""Where an imagined episode is: latents of its frame, and what is kept of the ones before."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from vjepa2.frame_attention import Past


@dataclass(frozen=True)
class DynamicsState:
    """The state of a :class:`vjepa2.Dynamics`.

    Attributes:
        latents: of the current frame.
        proprio: the agent's own state; 0 wide without one.
        past: keys and values of the frames before.
    """

    latents: Float[Tensor, "b n d"]
    proprio: Float[Tensor, "b s"]
    past: Past

    def repeat(self, samples: int) -> DynamicsState:
        """``samples`` copies of each row side by side; they share their past."""
        return DynamicsState(
            self.latents.repeat_interleave(samples, dim=0),
            self.proprio.repeat_interleave(samples, dim=0),
            self.past.repeat(samples),
        )
