"""What was done, read from the latents before and after it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class InverseDynamics(nn.Module):
    """``fc2(gelu(fc1([z_t, z_(t+1)])))``: the action between two frames, its bounds at -1 and 1.

    It is there for what it asks of the encoder: to see the agent, however small in the picture.

    Source: Terver et al. 2026 (eb_jepa), the inverse dynamics term.

    Args:
        numbers: of all latents of a frame.
        actions: numbers of an action.
        hidden: width between the two layers.
    """

    def __init__(self, numbers: int, actions: int, *, hidden: int = 256) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2 * numbers, hidden)
        self.fc2 = nn.Linear(hidden, actions)

    def forward(self, latents: Float[Tensor, "b t n d"]) -> Float[Tensor, "b t-1 a"]:
        """The actions between consecutive frames."""
        flat = latents.flatten(2)
        return self.fc2(F.gelu(self.fc1(torch.cat([flat[:, :-1], flat[:, 1:]], dim=2))))
