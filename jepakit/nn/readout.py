"""Readouts: from the patch tokens of a frame to the few latents that a small world model moves."""

from __future__ import annotations

import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn


class Readout(nn.Module):
    """Turns the ``rows x columns`` tokens of a frame into ``grid[0] x grid[1]`` latents.

    Attributes:
        grid: rows and columns of the latents.
        width: of a latent.
    """

    grid: tuple[int, int]
    width: int

    def flops(self, frames: int) -> float:  # noqa: ARG002
        """Model FLOPs for this many frames."""
        return 0.0


class AllPatches(Readout):
    """Every patch token is a latent."""

    def __init__(self, width: int, grid: tuple[int, int]) -> None:
        """Take the tokens of an encoder.

        Args:
            width: of a token.
            grid: rows and columns of a frame's tokens.
        """
        super().__init__()
        self.grid, self.width = grid, width

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """The tokens."""
        return tokens


class PooledPatches(Readout):
    """Means over equal parts of the frame: ``side x side`` latents, 1 for a global mean."""

    def __init__(self, width: int, grid: tuple[int, int], *, side: int = 1) -> None:
        """Pool the tokens of an encoder.

        Args:
            width: of a token.
            grid: rows and columns of a frame's tokens.
            side: rows and columns of the latents.

        Raises:
            ValueError: the parts would not be equal.
        """
        super().__init__()
        if side < 1 or grid[0] % side or grid[1] % side:
            raise ValueError(f"A grid of {grid} tokens has no {side} x {side} equal parts.")
        self.tokens, self.grid, self.width = grid, (side, side), width

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b m d"]:
        """Means of the parts, row by row."""
        image = rearrange(tokens, "b (h w) d -> b d h w", h=self.tokens[0])
        return rearrange(F.adaptive_avg_pool2d(image, self.grid), "b d h w -> b (h w) d")


class VectorReadout(Readout):
    """One learned latent that still knows where things are: a few channels per token, then an MLP.

    ``fc2(gelu(fc1(flat(squeeze(norm(x))))))``. A mean over tokens would lose places unless the
    encoder writes them into its features. It learns, so something must keep it from collapsing:
    SIGReg, or a teacher.
    """

    def __init__(
        self,
        width: int,
        grid: tuple[int, int],
        *,
        latent: int = 128,
        channels: int = 16,
        hidden: int = 512,
    ) -> None:
        """Build the readout, with PyTorch's own initial weights.

        Args:
            width: of a token.
            grid: rows and columns of a frame's tokens.
            latent: width of the latent.
            channels: numbers kept of each token.
            hidden: width of the MLP.
        """
        super().__init__()
        self.grid, self.width = (1, 1), latent
        self.norm = nn.LayerNorm(width)
        self.squeeze = nn.Linear(width, channels)
        self.fc1 = nn.Linear(grid[0] * grid[1] * channels, hidden)
        self.fc2 = nn.Linear(hidden, latent)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b 1 latent"]:
        """The latent of every frame."""
        flat = self.squeeze(self.norm(tokens)).flatten(1)
        return self.fc2(F.gelu(self.fc1(flat))).unsqueeze(1)

    def flops(self, frames: int) -> float:
        """Model FLOPs for this many frames."""
        weights = sum(p.numel() for p in (self.fc1.weight, self.fc2.weight))
        tokens = self.fc1.in_features // self.squeeze.out_features
        return 2.0 * frames * (weights + tokens * self.squeeze.weight.numel())
