"""Blocks of space and time, each of its own size: V-JEPA 2's masking as its paper describes it."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from jepakit.masks.blocks import BlockSize, Range, draw_blocks
from jepakit.masks.visibility import needed_tokens
from jepakit.protocols import MaskInput, SampleMask


class SpacetimeBlocks:
    """Hides the union of a few blocks that each span a part of the frame and of the clip.

    The number of blocks, and for each its share of the frame, its shape, its share of the frames
    and its place are drawn uniformly. A draw whose union lies outside ``hidden`` is repeated; after
    ``attempts`` the one that comes nearest is taken. Where blocks overlap, the first keeps the
    token.

    V-JEPA 2, section 4.5 of the text. The released code masks otherwise, see
    :class:`~jepakit.masks.Tubes`. Open there and settled here: "spatial extent" is a share of the
    frame's area.

    Args:
        blocks: fewest and most blocks.
        scale: range of the share of a frame's tokens that a block takes.
        duration: range of the share of the clip that it lasts.
        aspect: height / width of a block.
        hidden: least and greatest share of the tokens that is hidden.
        attempts: draws before the nearest is taken.
    """

    def __init__(
        self,
        blocks: tuple[int, int] = (4, 8),
        *,
        scale: Range = (0.15, 0.7),
        duration: Range = (0.4, 1.0),
        aspect: Range = (0.75, 1.5),
        hidden: Range = (0.75, 0.9),
        attempts: int = 20,
    ) -> None:
        if not 1 <= blocks[0] <= blocks[1]:
            raise ValueError(f"blocks must rise and be at least 1, got {blocks}.")
        if not 0 < duration[0] <= duration[1] <= 1:
            raise ValueError(f"duration must rise within (0, 1], got {duration}.")
        if not 0 < hidden[0] <= hidden[1] < 1:
            raise ValueError(f"hidden must rise within (0, 1), got {hidden}.")
        if attempts < 1:
            raise ValueError(f"attempts must be at least 1, got {attempts}.")
        self.blocks = blocks
        self.size = BlockSize(scale, aspect)
        self.duration = duration
        self.hidden = hidden
        self.attempts = attempts

    @property
    def max_slots(self) -> int:
        """Most regions that a sample can have: every slot is below it."""
        return self.blocks[1]

    def __call__(self, sample: MaskInput, generator: torch.Generator) -> SampleMask:
        """Mask one sample; its pixels and objects are not looked at."""
        grid = tuple(sample.coverage.shape[1:])
        needed_tokens(math.prod(grid), 0.0)  # refuses a grid of one token
        nearest, distance = self._draw(grid, generator)
        for _ in range(self.attempts - 1):
            if not distance:
                break
            slots, off = self._draw(grid, generator)
            if off < distance:
                nearest, distance = slots, off
        flat = nearest.ravel()
        if (flat >= 0).all():
            flat[-1] = -1
        return SampleMask(
            context=torch.from_numpy((flat < 0).astype(np.int64)), slots=torch.from_numpy(flat)
        )

    def _draw(
        self, grid: tuple[int, ...], generator: torch.Generator
    ) -> tuple[NDArray[np.int64], float]:
        """Slots of every token, and how far their share is from the wanted range."""
        frames, rows, columns = grid
        low, high = self.blocks
        count = int(torch.randint(low, high + 1, (), generator=generator))
        order = torch.randperm(count, generator=generator).tolist()
        slots = np.full(grid, -1, dtype=np.int64)
        for slot in order:
            (block,) = draw_blocks(self.size, 1, rows, columns, generator)
            share, begin = torch.rand(2, generator=generator).tolist()
            lasts = self.duration[0] + share * (self.duration[1] - self.duration[0])
            length = min(frames, max(1, round(frames * lasts)))
            first = int(begin * (frames - length + 1))
            part = slots[first : first + length]
            part[(part < 0) & block] = slot
        hidden = float((slots >= 0).mean())
        return slots, max(self.hidden[0] - hidden, hidden - self.hidden[1], 0.0)
