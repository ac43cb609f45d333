"""How well segmented objects agree with the truth: region similarity J and contour accuracy F."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer
from scipy import ndimage

TOLERANCE = 0.008  # of the diagonal of a frame (Perazzi et al. 2016)


@dataclass(frozen=True)
class SegmentationScores:
    """J and F of every object, means over frames.

    Attributes:
        objects: their ids.
        region: J of each, 0..1.
        contour: F of each, 0..1.
    """

    objects: tuple[int, ...]
    region: Float[np.ndarray, " k"]
    contour: Float[np.ndarray, " k"]

    @property
    def mean(self) -> float:
        """J&F: the mean over objects of the mean of J and F; NaN without objects."""
        both = (self.region + self.contour) / 2
        return float(both.mean()) if len(both) else math.nan


def j_and_f(
    labels: Integer[np.ndarray, "t h w"],
    truth: Integer[np.ndarray, "frames rows columns"],
    *,
    objects: Sequence[int] | None = None,
    tolerance: float = TOLERANCE,
) -> SegmentationScores:
    """J and F of every object over the frames given; leave out those that were prompted.

    Source: Perazzi et al. 2016, "A benchmark dataset and evaluation methodology for video object
    segmentation". As there, an object that is absent from both in a frame scores 1 in it.

    Args:
        labels: of pixels, 0 background.
        truth: likewise.
        objects: ids to score; all of ``truth`` by default.
        tolerance: see :func:`contour_accuracy`.

    Raises:
        ValueError: maps of two sizes, or of no frame.
    """
    if labels.shape != truth.shape or not len(truth):
        raise ValueError(
            f"Label maps and truth must be of one size, came {labels.shape} and {truth.shape}."
        )
    ids = tuple(int(i) for i in np.unique(truth) if i) if objects is None else tuple(objects)
    region, contour = np.zeros((2, len(ids)))
    for number, identity in enumerate(ids):
        pairs = [(a == identity, b == identity) for a, b in zip(labels, truth, strict=True)]
        region[number] = np.mean([region_similarity(*pair) for pair in pairs])
        contour[number] = np.mean([contour_accuracy(*p, tolerance=tolerance) for p in pairs])
    return SegmentationScores(ids, region, contour)


def region_similarity(mask: Bool[np.ndarray, "h w"], truth: Bool[np.ndarray, "h w"]) -> float:
    """J: intersection over union; 1 where both are empty."""
    union = (mask | truth).sum()
    return float((mask & truth).sum() / union) if union else 1.0


def contour_accuracy(
    mask: Bool[np.ndarray, "h w"], truth: Bool[np.ndarray, "h w"], *, tolerance: float = TOLERANCE
) -> float:
    """F: harmonic mean of precision and recall of the outline's pixels.

    A pixel of one outline is right if the other outline has one within ``ceil(tolerance *
    diagonal)`` pixels. 1 where neither has an outline, 0 where one of the two has none.

    Args:
        mask: of an object.
        truth: of the same object.
        tolerance: as a share of the frame's diagonal.
    """
    found, true = outline(mask), outline(truth)
    if not found.any() or not true.any():
        return float(found.any() == true.any())
    reach = math.ceil(tolerance * math.hypot(*mask.shape))
    precision = _near(true, reach)[found].mean()
    recall = _near(found, reach)[true].mean()
    both = precision + recall
    return float(2 * precision * recall / both) if both else 0.0


def outline(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels that differ from the one right of, below, or right below them (DAVIS)."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, diagonal = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return (mask ^ right) | (mask ^ below) | (mask ^ diagonal)


def _near(pixels: Bool[np.ndarray, "h w"], reach: int) -> Bool[np.ndarray, "h w"]:
    """Dilation with a disc of this radius."""
    return ndimage.distance_transform_edt(~pixels) <= reach
