"""What the released I-JEPA and V-JEPA 2 share in masking a batch, and packed tokens do without.

There token lists are stacked into one tensor, and so are cut to the shortest of the batch. A list
rises by position, so that the cut always takes the end: the last rows of an image, the last
tubelets of a clip. How much is hidden, and when, then depends on the batch size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from jepakit.protocols import MaskInput, SampleMask, Seed


@dataclass(frozen=True)
class ReleasedMasks:
    """One mask of each sample of a batch.

    Attributes:
        context: the visible tokens.
        target: the hidden tokens; with the cut, others are in neither set.
    """

    context: Bool[Tensor, "b n"]
    target: Bool[Tensor, "b n"]

    def cut(self) -> ReleasedMasks:
        """Every sample cut to the shortest of the batch, context and targets apart."""
        return ReleasedMasks(cut_to_shortest(self.context), cut_to_shortest(self.target))

    def samples(self) -> list[SampleMask]:
        """One mask per sample, all of its target tokens in one region."""
        slots = self.target.long() - 1
        return [
            SampleMask(context=seen, slots=slot)
            for seen, slot in zip(self.context.long(), slots, strict=True)
        ]


def cut_to_shortest(keep: Bool[Tensor, "b n"]) -> Bool[Tensor, "b n"]:
    """The first tokens of each sample, as many as the shortest sample of the batch has."""
    return keep & (keep.cumsum(dim=1) <= keep.sum(dim=1).min())


def block_size(scale: float, aspect: float, rows: int, columns: int) -> tuple[int, int]:
    """Height and width of a rectangle; its tokens are rounded down before the root.

    Raises:
        ValueError: it has no token.
    """
    tokens = int(rows * columns * scale)
    height, width = round(math.sqrt(tokens * aspect)), round(math.sqrt(tokens / aspect))
    if min(height, width) < 1:
        raise ValueError(
            f"A block of {scale} of {rows} x {columns} tokens has none: raise scale, or use larger "
            "frames or a smaller patch."
        )
    return min(height, rows), min(width, columns)


def below(limit: int, places: torch.Generator) -> int:
    """One of ``0 .. limit - 1`` with one number of the stream, however small the limit."""
    return int(torch.randint(limit, (1,), generator=places))


def grid_of(samples: Sequence[MaskInput]) -> tuple[int, int, int]:
    """Tubelets, rows and columns of the samples' token grid."""
    tubelets, rows, columns = samples[0].coverage.shape[1:]
    return tubelets, rows, columns


def batch_seed(seeds: Sequence[Seed]) -> Seed:
    """The seed of a batch, which depends on all of its samples and on their order."""
    return tuple(part for seed in seeds for part in seed)
