"""From the masks of single samples to the packed masks of a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from jepakit.batch import TokenMasks
from jepakit.protocols import AnyMasker, BatchMasker, MaskInput, SampleMask, Seed
from jepakit.seeds import generator


def draw_masks(
    masker: AnyMasker, samples: Sequence[MaskInput], seeds: Sequence[Seed]
) -> TokenMasks:
    """Mask a batch, each clip once or as often as the masker has views.

    Args:
        masker: of single samples, which gets ``generator(*seed)`` for each, or of whole batches.
        samples: in the order of the batch.
        seeds: one per sample, such as (run seed, epoch, key).

    Raises:
        ValueError: no sample, or samples of different grids; see also :func:`mask_batch`.
    """
    grids = {tuple(sample.coverage.shape[1:]) for sample in samples}
    if len(grids) != 1:
        raise ValueError(f"A batch is masked on one token grid, got {sorted(grids) or 'none'}.")
    tubelets, rows, columns = grids.pop()
    grid = tubelets, rows, columns
    if isinstance(masker, BatchMasker):
        return mask_batch(masker.mask(samples, seeds), grid, views=masker.views)
    pairs = zip(samples, seeds, strict=True)
    return mask_batch([masker(sample, generator(*seed)) for sample, seed in pairs], grid)


def mask_batch(
    masks: Sequence[SampleMask], grid: tuple[int, int, int], *, views: int = 1
) -> TokenMasks:
    """Pack one mask per sample; nothing is cut to the shortest sample.

    Args:
        masks: one per sample, in the order of the batch; all samples under the first mask, then all
            under the second, and so on, where there are several.
        grid: tubelets, rows and columns of the token grid.
        views: masks per clip.

    Raises:
        ValueError: no mask at all, one of another grid, one without context or target tokens, or
            not ``views`` for each clip.
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
        views=views,
    )
