"""I-JEPA's masks as released: sizes drawn per batch, the context cut to the shortest sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from jepakit.masks.blocks import BlockSize, Range
from jepakit.masks.released import ReleasedMasks, batch_seed, below, block_size, grid_of
from jepakit.protocols import MaskInput, SampleMask, Seed
from jepakit.seeds import derive_seed, generator


class ReleasedMultiblock:
    """The masks of the released I-JEPA, draw for draw as recorded from it; images only.

    For comparisons; :class:`~jepakit.masks.MultiblockMasker` does not cut. Sizes are drawn for a
    whole batch, scale and aspect from one random number: large targets are tall. A block reaches
    neither the last row nor the last column. The context, cut to the shortest sample, loses its
    last rows. Each target is a view of its own beside the same context, since targets may overlap
    and each is predicted without the others; a model that encodes views one by one encodes that
    context once for each.

    Differs: sizes and places follow from the seeds of the batch's samples instead of a call counter
    and the worker's global stream. A context without any token is drawn again; what the original
    does with small ones is not in the records.

    Args:
        blocks: number of target rectangles.
        scale: share of the tokens of a target rectangle.
        aspect: height / width of a target rectangle.
        context_scale: share of the context rectangle, a square before cutting.
    """

    def __init__(
        self,
        blocks: int = 4,
        *,
        scale: Range = (0.15, 0.20),
        aspect: Range = (0.75, 1.5),
        context_scale: Range = (0.85, 1.0),
    ) -> None:
        if blocks < 1:
            raise ValueError(f"blocks must be at least 1, got {blocks}.")
        self.blocks = blocks
        self.target = BlockSize(scale, aspect)
        self.context = BlockSize(context_scale)

    @property
    def views(self) -> int:
        """Masks per clip, one for each target rectangle."""
        return self.blocks

    @property
    def max_slots(self) -> int:
        """Most regions that a masked sample can have."""
        return 1

    def mask(self, samples: Sequence[MaskInput], seeds: Sequence[Seed]) -> list[SampleMask]:
        """Masks of a batch, cut; pixels and objects are not looked at."""
        batch = batch_seed(seeds)
        views = self.draw(
            grid_of(samples),
            len(samples),
            size_seed=derive_seed("sizes", *batch),
            places=generator("places", *batch),
        )
        return [mask for view in views for mask in view.cut().samples()]

    def draw(
        self, grid: tuple[int, int, int], batch: int, *, size_seed: int, places: torch.Generator
    ) -> list[ReleasedMasks]:
        """Masks of each target rectangle before the cut.

        Args:
            grid: one tubelet, rows and columns of the token grid.
            batch: number of samples.
            size_seed: of the rectangles' sizes; as released, the number of the call, from 0.
            places: stream of the rectangles' places; as released, torch's global one.

        Raises:
            ValueError: clips instead of images, or a rectangle without a token.
        """
        tubelets, rows, columns = grid
        if tubelets != 1 or min(rows, columns) < 2:
            raise ValueError(
                f"I-JEPA masks images of 2 x 2 tokens or more, got a token grid of {grid}: use "
                "MultiblockMasker."
            )
        sizes = torch.Generator().manual_seed(size_seed)
        target = _draw_size(self.target, rows, columns, sizes)
        area = _draw_size(self.context, rows, columns, sizes)
        targets = torch.zeros(self.blocks, batch, rows, columns, dtype=torch.bool)
        context = torch.zeros(batch, rows, columns, dtype=torch.bool)
        for sample in range(batch):
            while not context[sample].any():
                for block in targets[:, sample]:
                    _place(block.fill_(value=False), target, places)
                _place(context[sample], area, places)
                context[sample] &= ~targets[:, sample].any(dim=0)
        seen = context.flatten(1)
        return [ReleasedMasks(seen, view.flatten(1)) for view in targets]


def _draw_size(size: BlockSize, rows: int, columns: int, sizes: torch.Generator) -> tuple[int, int]:
    """One random number for scale and aspect alike; less than the whole height and width."""
    draw = torch.rand(1, generator=sizes).item()
    scale, aspect = (low + draw * (high - low) for low, high in (size.scale, size.aspect))
    height, width = block_size(scale, aspect, rows, columns)
    return min(height, rows - 1), min(width, columns - 1)


def _place(picture: torch.Tensor, size: tuple[int, int], places: torch.Generator) -> None:
    """Fill a rectangle somewhere, except in the last row and column."""
    rows, columns = picture.shape
    height, width = size
    top, left = below(rows - height, places), below(columns - width, places)
    picture[top : top + height, left : left + width] = True
