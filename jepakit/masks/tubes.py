"""V-JEPA multi-block masking: rectangles through all frames of a clip."""

from __future__ import annotations

import torch

from jepakit.masks.blocks import BlockSize, Range, draw_blocks
from jepakit.masks.multiblock import paint, through_time
from jepakit.masks.visibility import check_min_context, needed_tokens
from jepakit.protocols import MaskInput, SampleMask


class TubeMasker:
    """Short-range masks of many small tubes or long-range masks of a few large ones.

    The union of the tubes is hidden, all other tokens are the context. A sample draws one of the
    two kinds; V-JEPA passes every clip once under each, which has the same expectation.

    V-JEPA (Bardes et al. 2024), section 3; V-JEPA 2, phase 1. Differs: each sample draws its
    own size and no token list is cut to the shortest of a batch. A draw that leaves too little
    context is repeated; after ``attempts`` its last tubes are dropped.

    Args:
        short_blocks: tubes of a short-range mask.
        short_scale: share of a frame's tokens that one of them takes.
        long_blocks: tubes of a long-range mask.
        long_scale: share of a frame's tokens that one of them takes.
        long_share: share of the samples that draw a long-range mask.
        aspect: height / width of a tube.
        min_context: least share of tokens that stays visible.
        attempts: draws before tubes are dropped.
    """

    def __init__(
        self,
        short_blocks: int = 8,
        *,
        short_scale: float = 0.15,
        long_blocks: int = 2,
        long_scale: float = 0.70,
        long_share: float = 0.5,
        aspect: Range = (0.75, 1.5),
        min_context: float = 0.10,
        attempts: int = 10,
    ) -> None:
        if min(short_blocks, long_blocks, attempts) < 1:
            raise ValueError(
                f"short_blocks ({short_blocks}), long_blocks ({long_blocks}) and attempts "
                f"({attempts}) must be at least 1."
            )
        if not 0 <= long_share <= 1:
            raise ValueError(f"long_share must be within [0, 1], got {long_share}.")
        check_min_context(min_context)
        largest = max(short_scale, long_scale)
        if 1 - largest < min_context:
            raise ValueError(
                f"One tube of {largest} leaves less than min_context={min_context}: lower the "
                "scale or min_context."
            )
        self.short = BlockSize((short_scale, short_scale), aspect), short_blocks
        self.long = BlockSize((long_scale, long_scale), aspect), long_blocks
        self.long_share = long_share
        self.min_context = min_context
        self.attempts = attempts

    @property
    def max_slots(self) -> int:
        """Most regions that a sample can have: every slot is below it."""
        return max(self.short[1], self.long[1])

    def __call__(self, sample: MaskInput, generator: torch.Generator) -> SampleMask:
        """Mask one sample; its pixels and objects are not looked at."""
        frames, rows, columns = sample.coverage.shape[1:]
        needed = needed_tokens(frames * rows * columns, self.min_context)
        is_long = torch.rand((), generator=generator).item() < self.long_share
        size, count = self.long if is_long else self.short
        order = torch.randperm(count, generator=generator).tolist()
        for _ in range(self.attempts):
            blocks = draw_blocks(size, count, rows, columns, generator)
            slots = paint(blocks, order)
            if frames * int((slots < 0).sum()) >= needed:
                break
        while frames * int((slots < 0).sum()) < needed and len(blocks) > 1:
            blocks = blocks[:-1]
            slots = paint(blocks, order)
        return through_time(slots < 0, slots, frames, needed)
