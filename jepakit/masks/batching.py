"""From the masks of single samples to the packed masks of a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from jepakit.batch import TokenMasks
from jepakit.protocols import SampleMask


def mask_batch(masks: Sequence[SampleMask], grid: tuple[int, int, int]) -> TokenMasks:
    """Pack one mask per sample; nothing is cut to the shortest sample.

    Args:
        masks: one per sample, in the order of the batch.
        grid: tubelets, rows and columns of the token grid.

    Raises:
        ValueError: no mask at all, one of another grid, or one without context or target tokens.
    """
    if not masks:
        raise ValueError("A batch needs at least one sample's mask, got none.")
    tokens = math.prod(grid)
    wrong = [place for place, mask in enumerate(masks) if mask.slots.shape[0] != tokens]
    if wrong:
        raise ValueError(
            f"Masks {wrong} do not have the {tokens} tokens of grid {grid}: mask at the grid of "
            "the model's request."
        )
    return TokenMasks.build(
        torch.stack([mask.context for mask in masks]) > 0,
        torch.stack([mask.slots for mask in masks]),
        [mask.objects for mask in masks],
        [mask.fallback for mask in masks],
    )
