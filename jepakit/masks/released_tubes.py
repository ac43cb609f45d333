"""V-JEPA 2's masks as released: sizes drawn per batch, token lists cut to the shortest sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from jepakit.masks.blocks import BlockSize, Range
from jepakit.masks.released import (
    ReleasedMasks,
    batch_seed,
    below,
    block_size,
    grid_of,
)
from jepakit.protocols import MaskInput, SampleMask, Seed
from jepakit.seeds import derive_seed, generator


class ReleasedTubes:
    """The mask collator of V-JEPA 2 (MIT, ``src/masks/multiseq_multiblock3d.py``), draw for draw.

    For comparisons with published runs; :class:`~jepakit.masks.SeveralMasks` of
    :class:`~jepakit.masks.Tubes` masks the same without the cut. All tubes of a batch and kind have
    one size; the kinds share the random number of their aspect ratio. Places are drawn per sample,
    again while nothing is visible. Context and targets are then cut to the shortest sample of the
    batch, always at the end of the clip: of 24 clips of 16 frames at 256 pixels, the long-range
    context keeps 6 % of the tokens instead of 19 %, nearly all in the first tubelets, and a fifth
    to a third of the tokens are neither seen nor predicted.

    Differs: the released collator seeds sizes with a call counter that all ranks share, and draws
    places from the worker's global stream. Here both follow from the seeds of the batch's samples,
    so that a resumed run draws the same; ranks draw different sizes.

    Args:
        blocks: tubes of each mask.
        scale: share of a frame's tokens that one of its tubes takes, for each mask.
        aspect: height / width of a tube.
    """

    def __init__(
        self,
        blocks: Sequence[int] = (8, 2),
        *,
        scale: Sequence[float] = (0.15, 0.70),
        aspect: Range = (0.75, 1.5),
    ) -> None:
        if not blocks or min(blocks) < 1:
            raise ValueError(f"blocks must be at least 1 for each mask, got {tuple(blocks)}.")
        if len(blocks) != len(scale):
            raise ValueError(
                f"blocks and scale need one number per mask, got {len(blocks)} and {len(scale)}."
            )
        self.kinds = [(n, BlockSize((s, s), aspect)) for n, s in zip(blocks, scale, strict=True)]

    @property
    def views(self) -> int:
        """Masks per clip."""
        return len(self.kinds)

    @property
    def max_slots(self) -> int:
        """Most regions that a masked sample can have: the union of its tubes."""
        return 1

    def mask(self, samples: Sequence[MaskInput], seeds: Sequence[Seed]) -> list[SampleMask]:
        """Masks of a batch, cut; pixels and objects are not looked at."""
        batch = batch_seed(seeds)
        kinds = self.draw(
            grid_of(samples),
            len(samples),
            size_seed=derive_seed("sizes", *batch),
            places=generator("places", *batch),
        )
        return [mask for kind in kinds for mask in kind.cut().samples()]

    def draw(
        self, grid: tuple[int, int, int], batch: int, *, size_seed: int, places: torch.Generator
    ) -> list[ReleasedMasks]:
        """Masks of each kind before the cut.

        Args:
            grid: tubelets, rows and columns of the token grid.
            batch: number of samples.
            size_seed: of the tubes' size; as released, the number of the call, counted from 0.
            places: stream of the tubes' places; as released, torch's global one.

        Raises:
            ValueError: a tube takes no token, or all of a frame's.
        """
        return [
            self._draw_kind(count, size, grid, batch, size_seed, places)
            for count, size in self.kinds
        ]

    def _draw_kind(
        self,
        count: int,
        size: BlockSize,
        grid: tuple[int, int, int],
        batch: int,
        size_seed: int,
        places: torch.Generator,
    ) -> ReleasedMasks:
        tubelets, rows, columns = grid
        sizes = torch.Generator().manual_seed(size_seed)
        # The first two numbers are for ranges of duration and scale, which have one value here.
        _, _, draw = torch.rand(3, generator=sizes).tolist()
        aspect = size.aspect[0] + draw * (size.aspect[1] - size.aspect[0])
        height, width = block_size(size.scale[0], aspect, rows, columns)
        if (height, width) == (rows, columns):
            raise ValueError(
                f"A tube of {size.scale[0]} covers all {rows} x {columns} tokens of a frame: lower "
                "scale, or use larger frames or a smaller patch."
            )
        visible = torch.zeros(batch, rows, columns, dtype=torch.bool)
        for frame in visible:
            while not frame.any():
                frame.fill_(value=True)
                for _ in range(count):
                    top = below(rows - height + 1, places)
                    left = below(columns - width + 1, places)
                    below(1, places)  # the first tubelet, of which there is one choice
                    frame[top : top + height, left : left + width] = False
        clips = visible.flatten(1).repeat(1, tubelets)
        return ReleasedMasks(context=clips, target=~clips)
