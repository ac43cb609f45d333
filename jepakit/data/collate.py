"""Decoded clips to one typed batch, masked sample by sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray

from jepakit.batch import SceneBatch, TokenMasks
from jepakit.masks.batching import draw_masks
from jepakit.protocols import AnyMasker, MaskInput


@dataclass(frozen=True)
class Clip:
    """What a batch takes of one sample, beside the pixels that are decoded into place.

    Attributes:
        key: name of the sample.
        epoch: in which it is read; part of the seed of its mask.
        coverage: on the model's grid.
        removed: id of the object that its counterfactual lacks, or 0.
        targets: values to probe for.
    """

    key: str
    epoch: int
    coverage: UInt8[ndarray, "k tt hh ww"]
    removed: int
    targets: dict[str, float]


@dataclass(frozen=True)
class Pixels:
    """Memory of a batch that samples are decoded into.

    Attributes:
        frames: RGB.
        labels: label maps, where asked for.
        counterfactual: RGB, where asked for.
    """

    frames: UInt8[ndarray, "b t h w 3"]
    labels: UInt8[ndarray, "b t h w"] | None = None
    counterfactual: UInt8[ndarray, "b t h w 3"] | None = None


def collate(
    clips: Sequence[Clip],
    pixels: Pixels,
    *,
    masker: AnyMasker | None = None,
    seed: int = 0,
    targets: Sequence[str] = (),
) -> SceneBatch:
    """One batch; coverage is padded with zero rows to the sample with most objects.

    Args:
        clips: one per row of ``pixels``.
        pixels: frames and what else was decoded; the batch shares this memory.
        masker: chooses what is hidden, of each sample with ``generator(seed, epoch, key)`` or of
            all together with these seeds.
        seed: of the run.
        targets: labels to hand on; NaN where a sample has none.
    """
    coverage = _stack_coverage([clip.coverage for clip in clips])
    frames = torch.from_numpy(pixels.frames)
    removed = [clip.removed for clip in clips]
    values = {
        name: torch.tensor([clip.targets.get(name, math.nan) for clip in clips]) for name in targets
    }
    return SceneBatch(
        frames=frames,
        coverage=coverage,
        keys=tuple(clip.key for clip in clips),
        masks=None if masker is None else _mask(clips, frames, coverage, masker, seed),
        labels=None if pixels.labels is None else torch.from_numpy(pixels.labels),
        counterfactual=(
            None if pixels.counterfactual is None else torch.from_numpy(pixels.counterfactual)
        ),
        removed=None if pixels.counterfactual is None else torch.tensor(removed),
        targets=values,
    )


def _stack_coverage(parts: list[ndarray]) -> torch.Tensor:
    most = max(part.shape[0] for part in parts)
    stacked = np.zeros((len(parts), most, *parts[0].shape[1:]), dtype=np.uint8)
    for row, part in zip(stacked, parts, strict=True):
        row[: part.shape[0]] = part
    return torch.from_numpy(stacked)


def _mask(
    clips: Sequence[Clip],
    frames: torch.Tensor,
    coverage: torch.Tensor,
    masker: AnyMasker,
    seed: int,
) -> TokenMasks:
    samples = [
        MaskInput(covered[: clip.coverage.shape[0]], picture, clip.removed)
        for clip, picture, covered in zip(clips, frames, coverage, strict=True)
    ]
    return draw_masks(masker, samples, [(seed, clip.epoch, clip.key) for clip in clips])
