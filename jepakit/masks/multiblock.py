"""I-JEPA multi-block masking."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from jepakit.masks.blocks import BlockSize, Range, draw_blocks
from jepakit.masks.visibility import check_min_context, needed_tokens
from jepakit.protocols import MaskInput, SampleMask


class MultiblockMasker:
    """A few target rectangles, and one large context rectangle from which they are cut.

    On clips the rectangles span all frames. Where target rectangles overlap, the first drawn keeps
    the token. Slots number the rectangles in random order.

    I-JEPA (Assran et al. 2023), section 3. Differs: each sample draws its own size, scale and
    aspect are drawn independently, and no token list is cut to the shortest of a batch.
    Rectangles that leave too little context are dropped, last first; on grids of a few tokens the
    context then grows over the rest of the frame and the target shrinks as needed.

    Args:
        blocks: number of target rectangles.
        scale: share of a frame's tokens of a target rectangle.
        aspect: height / width of a target rectangle.
        context_scale: share of the context rectangle, a square before cutting.
        min_context: least share of tokens that stays visible.
    """

    def __init__(
        self,
        blocks: int = 4,
        *,
        scale: Range = (0.15, 0.20),
        aspect: Range = (0.75, 1.5),
        context_scale: Range = (0.85, 1.0),
        min_context: float = 0.10,
    ) -> None:
        if blocks < 1:
            raise ValueError(f"blocks must be at least 1, got {blocks}.")
        check_min_context(min_context)
        self.target = BlockSize(scale, aspect)
        self.context = BlockSize(context_scale)
        if context_scale[0] - scale[1] < min_context:
            raise ValueError(
                f"A context of {context_scale[0]} minus a target of {scale[1]} is below "
                f"min_context={min_context}: lower scale or min_context, or raise context_scale."
            )
        self.blocks = blocks
        self.min_context = min_context

    @property
    def max_slots(self) -> int:
        """Most regions that a sample can have: every slot is below it."""
        return self.blocks

    def __call__(self, sample: MaskInput, generator: torch.Generator) -> SampleMask:
        """Mask one sample; its pixels and objects are not looked at."""
        frames, rows, columns = sample.coverage.shape[1:]
        needed = needed_tokens(frames * rows * columns, self.min_context)
        targets = draw_blocks(self.target, self.blocks, rows, columns, generator)
        (area,) = draw_blocks(self.context, 1, rows, columns, generator)
        order = torch.randperm(self.blocks, generator=generator).tolist()
        while True:
            slots = paint(targets, order)
            context = area & (slots < 0)
            if frames * int(context.sum()) >= needed or len(targets) == 1:
                break
            targets = targets[:-1]
        return through_time(context, slots, frames, needed)


def paint(blocks: list[NDArray[np.bool_]], order: list[int]) -> NDArray[np.int64]:
    """Slot of each token of a frame: ``order[i]`` in block ``i``, the first block wins; else -1."""
    slots = np.full(blocks[0].shape, -1, dtype=np.int64)
    for block, slot in zip(reversed(blocks), reversed(order[: len(blocks)]), strict=True):
        slots[block] = slot
    return slots


def through_time(
    context: NDArray[np.bool_], slots: NDArray[np.int64], frames: int, needed: int
) -> SampleMask:
    """Repeat one frame's mask over a clip, with at least ``needed`` visible tokens."""
    visible = np.tile(context.ravel(), frames)
    hidden = np.tile(slots.ravel(), frames)
    if int(visible.sum()) < needed:  # a grid of a few tokens, where rounding decides
        visible = hidden < 0
        surplus = needed - int(visible.sum())
        if surplus > 0:
            shown = np.flatnonzero(~visible)[-surplus:]
            visible[shown], hidden[shown] = True, -1
    return SampleMask(
        context=torch.from_numpy(visible.astype(np.int64)), slots=torch.from_numpy(hidden)
    )
