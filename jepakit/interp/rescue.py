"""How much of the late drift a patch takes back: absolutely, and as two different fractions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

MIN_BASE = 1e-3  # drift below which a fraction of it says nothing

Drifts = Float[Tensor, " _"] | Float[np.ndarray, " _"]


@dataclass(frozen=True)
class Rescue:
    """Drift removed by a patch; negative where the patch adds drift.

    Attributes:
        absolute: ``base - patched``, per image.
        fraction: ``absolute / base``, per image; NaN where base drift is below 1e-3.
        mean_absolute: over all images.
        mean_of_ratios: of the fractions that are defined; None without any. The paper's column.
        ratio_of_means: ``mean absolute / mean base`` over all images, which weighs images by their
            drift; None where mean base drift is below 1e-3.
        dropped: images without a fraction.
    """

    absolute: Float[np.ndarray, " b"]
    fraction: Float[np.ndarray, " b"]
    mean_absolute: float
    mean_of_ratios: float | None
    ratio_of_means: float | None
    dropped: int


def rescue(base: Drifts, patched: Drifts) -> Rescue:
    """Late drift that a patch removes, in float64 and never clipped.

    Source: Late semantic repair, section 2.5. Its "context rescue fraction" is the mean of
    per-image ratios: .1216 absolute and .4408 would need a base of .276, but the printed mean is
    .2410. Differs: images with next to no drift have no fraction and are counted, and the ratio of
    means stands beside it.

    Args:
        base: late drift of every image in the occluded run.
        patched: that of the same images after the patch.

    Raises:
        ValueError: sizes differ, no images, or a drift that is not finite.
    """
    before, after = _checked(base), _checked(patched)
    if before.shape != after.shape:
        raise ValueError(
            f"Base and patched drift belong to the same images, got {len(before)} and {len(after)}."
        )
    removed = before - after
    defined = before >= MIN_BASE
    fraction = np.full_like(removed, np.nan)
    fraction[defined] = removed[defined] / before[defined]
    mean_base = float(before.mean())
    return Rescue(
        absolute=removed,
        fraction=fraction,
        mean_absolute=float(removed.mean()),
        mean_of_ratios=float(fraction[defined].mean()) if defined.any() else None,
        ratio_of_means=float(removed.mean()) / mean_base if mean_base >= MIN_BASE else None,
        dropped=int((~defined).sum()),
    )


def _checked(drift: Drifts) -> Float[np.ndarray, " b"]:
    values = drift.detach().cpu().double() if isinstance(drift, torch.Tensor) else drift
    array = np.asarray(values, dtype=np.float64)
    if not array.size or not np.isfinite(array).all():
        raise ValueError(
            f"Rescue needs finite drift of at least 1 image, got {array.size} images, "
            f"{int((~np.isfinite(array)).sum())} not finite."
        )
    return array
