"""V-JEPA multi-block masking: rectangles through all frames of a clip."""

from __future__ import annotations

import torch

from jepakit.masks.blocks import BlockSize, Range, draw_blocks
from jepakit.masks.multiblock import paint, through_time
from jepakit.masks.visibility import check_min_context, needed_tokens
from jepakit.protocols import MaskInput, SampleMask


class Tubes:
    """Hides the union of a few tubes of one size; all other tokens are the context.

    Many small tubes make a short-range mask, which leaves neighbours visible; a few large ones a
    long-range mask. V-JEPA 2 was released with 8 tubes of 0.15 and 2 of 0.7, a clip passing once
    under each: that is :class:`~jepakit.masks.SeveralMasks` of two of these.

    V-JEPA (Bardes et al. 2024), section 3; V-JEPA 2, phase 1. Differs: each sample draws its
    own size and no token list is cut to the shortest of a batch, for which see
    :class:`~jepakit.masks.ReleasedTubes`. A draw that leaves too little context is repeated; after
    ``attempts`` its last tubes are dropped.

    Args:
        blocks: number of tubes.
        scale: share of a frame's tokens that one of them takes.
        aspect: height / width of a tube.
        min_context: least share of tokens that stays visible, and one token at least. As released:
            0, since a larger share repeats draws and so hides less on average.
        attempts: draws before tubes are dropped.
    """

    def __init__(
        self,
        blocks: int = 8,
        *,
        scale: float = 0.15,
        aspect: Range = (0.75, 1.5),
        min_context: float = 0.0,
        attempts: int = 10,
    ) -> None:
        if min(blocks, attempts) < 1:
            raise ValueError(f"blocks ({blocks}) and attempts ({attempts}) must be at least 1.")
        check_min_context(min_context)
        if 1 - scale < min_context:
            raise ValueError(
                f"One tube of {scale} leaves less than min_context={min_context}: lower the "
                "scale or min_context."
            )
        self.blocks = blocks
        self.size = BlockSize((scale, scale), aspect)
        self.min_context = min_context
        self.attempts = attempts

    @property
    def max_slots(self) -> int:
        """Most regions that a sample can have: every slot is below it."""
        return self.blocks

    def __call__(self, sample: MaskInput, generator: torch.Generator) -> SampleMask:
        """Mask one sample; its pixels and objects are not looked at."""
        frames, rows, columns = sample.coverage.shape[1:]
        needed = needed_tokens(frames * rows * columns, self.min_context)
        order = torch.randperm(self.blocks, generator=generator).tolist()
        for _ in range(self.attempts):
            blocks = draw_blocks(self.size, self.blocks, rows, columns, generator)
            slots = paint(blocks, order)
            if frames * int((slots < 0).sum()) >= needed:
                break
        while frames * int((slots < 0).sum()) < needed and len(blocks) > 1:
            blocks = blocks[:-1]
            slots = paint(blocks, order)
        return through_time(slots < 0, slots, frames, needed)


class TubeMasker:
    """One mask per clip, by chance of either kind: many small tubes or a few large ones.

    V-JEPA passes every clip once under each kind, see :class:`Tubes`; a sample that draws one has
    the same expectation.

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
        if not 0 <= long_share <= 1:
            raise ValueError(f"long_share must be within [0, 1], got {long_share}.")
        self.short, self.long = (
            Tubes(blocks, scale=scale, aspect=aspect, min_context=min_context, attempts=attempts)
            for blocks, scale in ((short_blocks, short_scale), (long_blocks, long_scale))
        )
        self.long_share = long_share
        self.min_context = min_context

    @property
    def max_slots(self) -> int:
        """Most regions that a sample can have: every slot is below it."""
        return max(self.short.max_slots, self.long.max_slots)

    def __call__(self, sample: MaskInput, generator: torch.Generator) -> SampleMask:
        """Mask one sample; its pixels and objects are not looked at."""
        is_long = torch.rand((), generator=generator).item() < self.long_share
        return (self.long if is_long else self.short)(sample, generator)
