"""Objects learned together with the representation (the ablation that costs 3.1 points)."""

from __future__ import annotations

import dataclasses

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from jepakit.batch import SceneBatch, TokenMasks
from jepakit.distributed import rank
from jepakit.masks import ObjectMasker, SlotAttention, mask_batch
from jepakit.protocols import MaskInput
from jepakit.seeds import generator


class LearnedObjects(nn.Module):
    """Slots that compete for the target encoder's tokens take the place of given objects.

    The slots are trained by their own reconstruction, see :class:`jepakit.masks.SlotAttention`;
    each token belongs wholly to its strongest slot, and Algorithm 2 hides slots as if they
    were objects. The assignment is read on the host, so that this
    ablation waits for the device once per step.

    Args:
        width: width of the encoder's latents.
        grid: tubelets, rows and columns of the token grid.
        slots: number of slots.
        slot_width: width of a slot vector.
        masker: which slots are hidden; slots cover everything, so that larger areas are eligible.
    """

    def __init__(
        self,
        width: int,
        grid: tuple[int, int, int],
        *,
        slots: int = 7,
        slot_width: int = 64,
        masker: ObjectMasker | None = None,
    ) -> None:
        super().__init__()
        self.grid = grid
        tokens = grid[0] * grid[1] * grid[2]
        self.attention = SlotAttention(width, tokens=tokens, slots=slots, slot_width=slot_width)
        self.masker = masker or ObjectMasker()

    def forward(
        self, tokens: Float[Tensor, "bn d"], batch: SceneBatch, step: int
    ) -> tuple[TokenMasks, Float[Tensor, ""]]:
        """Masks for the batch, and the loss of the slots.

        Args:
            tokens: the target encoder's latents of every token, packed.
            batch: the clips.
            step: the global step, which with the rank seeds all draws.
        """
        start = generator("slots", step, rank(), device=tokens.device)
        dense = rearrange(tokens, "(b n) d -> b n d", b=len(batch))
        assigned = self.attention(dense, generator=start)
        coverage = assigned.coverage(self.grid).cpu()
        draws = generator("learned-objects", step, rank())
        samples = [
            dataclasses.replace(self.masker(MaskInput(rows, frames), draws), objects=())
            for rows, frames in zip(coverage, batch.frames, strict=True)
        ]
        masks = mask_batch(samples, self.grid)
        return masks.to(tokens.device), assigned.loss
