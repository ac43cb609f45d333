"""Principal components of a frame's tokens: a small latent that keeps distances of frames."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.distributed import broadcast
from jepakit.nn.readout import Readout


class PrincipalReadout(Readout):
    """One latent per frame: its tokens side by side, projected on their principal components.

    ``z = (x - mean) B / s`` with orthonormal columns ``B`` and one scale ``s`` for all, so that
    distances of latents are those of all tokens together, without what varies least, and a latent
    has variance 1 in the mean over its components. Nothing is learned by gradient and nothing can
    collapse; :meth:`fit` takes the components from frames of the training data.
    """

    mean: Tensor
    basis: Tensor
    scale: Tensor
    fitted: Tensor

    def __init__(self, width: int, grid: tuple[int, int], *, components: int = 64) -> None:
        """Leave room for the components.

        Args:
            width: of a token.
            grid: rows and columns of a frame's tokens.
            components: width of the latent.

        Raises:
            ValueError: more components than a frame has numbers.
        """
        super().__init__()
        numbers = grid[0] * grid[1] * width
        if not 1 <= components <= numbers:
            raise ValueError(f"components must be 1 to {numbers}, got {components}.")
        self.grid, self.width = (1, 1), components
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("basis", torch.zeros(numbers, components))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def fit(self, tokens: Float[Tensor, "b n d"]) -> float:
        """Take the components from these frames, on the first rank for all.

        Returns:
            The share of the variance that they explain.

        Raises:
            ValueError: fewer frames than components.
        """
        flat = tokens.flatten(1).double()
        components = self.width
        if len(flat) <= components:
            raise ValueError(f"{components} components need more frames than {len(flat)}.")
        mean = flat.mean(dim=0)
        _, spread, directions = torch.linalg.svd(flat - mean, full_matrices=False)
        basis = directions[:components].T
        # A direction and its opposite are the same component: the largest number is positive.
        largest = basis.gather(0, basis.abs().argmax(dim=0, keepdim=True))
        variance = spread[:components].square().sum() / len(flat)
        self.mean.copy_(mean)
        self.basis.copy_(basis * largest.sign())
        self.scale.copy_((variance / components).sqrt())
        self.fitted.fill_(value=True)
        for buffer in (self.mean, self.basis, self.scale):
            buffer.copy_(broadcast(buffer.clone()))
        return float(variance * len(flat) / spread.square().sum())

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b 1 components"]:
        """The latent of every frame."""
        centred = tokens.flatten(1) - self.mean.to(tokens.dtype)
        return (centred @ (self.basis / self.scale).to(tokens.dtype)).unsqueeze(1)

    def flops(self, frames: int) -> float:
        """Model FLOPs for this many frames."""
        return 2.0 * frames * self.basis.numel()
