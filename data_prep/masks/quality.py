"""How good label maps are: overlap with the truth, FG-ARI, and whether objects keep their ids."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray


@dataclass(frozen=True)
class MaskQuality:
    """Label maps of a clip against the truth; NaN where there is nothing to measure.

    Attributes:
        objects: true objects that show at least a pixel.
        best_overlap: mean best overlap (mBO). Of each true object the best IoU of any id over the
            volume of the clip, so that losing the id costs; mean over objects.
        frame_overlap: the same frame by frame, whatever the id; mean over the frames in which an
            object is visible, then over objects.
        fg_ari: adjusted Rand index of the ids over the pixels of true objects.
        consistency: share of the true objects that keep one id. In each frame in which an object
            is visible enough it has the id of best IoU; it keeps one if that is the same in all of
            them. A frame in which no id touches it counts as not kept.
        switches: how often an object's id differs from that of the frame before in which it is
            visible enough and has one; sum over objects.
        persistence: share of the frames in which an id of the label map is visible; mean over ids.
    """

    objects: int
    best_overlap: float
    frame_overlap: float
    fg_ari: float
    consistency: float
    switches: int
    persistence: float

    def to_json(self) -> dict[str, float | None]:
        """Numbers by name, null where undefined."""
        numbers = dataclasses.asdict(self)
        return {n: None if math.isnan(value) else float(value) for n, value in numbers.items()}


def quality_of(
    labels: UInt8[ndarray, "t h w"], truth: UInt8[ndarray, "t h w"], *, visible: float = 0.002
) -> MaskQuality:
    """Compare label maps with true ones; 0 is background in both, ids need not agree.

    Args:
        labels: what was found.
        truth: what is there.
        visible: share of the picture from which on an object is visible enough in a frame to be
            asked for its id (100 pixels of 224 x 224).

    Raises:
        ValueError: the shapes differ.
    """
    if labels.shape != truth.shape:
        raise ValueError(f"Label maps {labels.shape} and truth {truth.shape} differ in shape.")
    counts = _contingency(labels, truth)
    there = counts.sum(axis=(0, 1))[1:] > 0
    iou = _iou(counts)[:, :, there]
    seen = counts.sum(axis=1)[:, 1:][:, there]
    asked = seen >= max(1.0, visible * labels[0].size)
    per_frame = _mean(iou.max(axis=1, initial=0), seen > 0)
    kept, switches = _ids_kept(iou, asked)
    return MaskQuality(
        objects=int(there.sum()),
        best_overlap=_or_nan(
            _iou(counts.sum(axis=0, keepdims=True))[0, :, there].max(axis=1, initial=0)
        ),
        frame_overlap=_or_nan(per_frame),
        fg_ari=adjusted_rand(counts.sum(axis=0)[:, 1:]),
        consistency=_or_nan(kept[asked.any(axis=0)]),
        switches=switches,
        persistence=_or_nan(persistence_of(labels)),
    )


def persistence_of(labels: UInt8[ndarray, "t h w"]) -> Float[ndarray, " k"]:
    """Share of the frames in which each id that occurs is visible, ascending by id."""
    top = int(labels.max(initial=0))
    sizes = [np.bincount(frame.ravel(), minlength=top + 1)[1:] for frame in labels]
    share = np.count_nonzero(sizes, axis=0) / len(labels)
    return share[share > 0]


def adjusted_rand(counts: Int[ndarray, "p g"]) -> float:
    """Adjusted Rand index from a contingency table; NaN for an empty one.

    Hubert and Arabie (1985). 1 where both partitions are trivially the same.
    """
    total = int(counts.sum())
    if not total:
        return math.nan
    pairs, rows, columns = (
        float((n * (n - 1.0) / 2).sum()) for n in (counts, counts.sum(axis=1), counts.sum(axis=0))
    )
    expected = rows * columns / max(1.0, total * (total - 1.0) / 2)
    greatest = (rows + columns) / 2
    return 1.0 if greatest == expected else (pairs - expected) / (greatest - expected)


def _contingency(
    labels: UInt8[ndarray, "t h w"], truth: UInt8[ndarray, "t h w"]
) -> Int[ndarray, "t p g"]:
    """Pixels of each frame with each pair of ids."""
    shape = len(labels), int(labels.max(initial=0)) + 1, int(truth.max(initial=0)) + 1
    frame = np.arange(shape[0])[:, None, None]
    bins = (frame * shape[1] + labels) * shape[2] + truth
    return np.bincount(bins.ravel(), minlength=math.prod(shape)).reshape(shape)


def _iou(counts: Int[ndarray, "t p g"]) -> Float[ndarray, "t p-1 g-1"]:
    """Of every found with every true object, background left out."""
    union = counts.sum(axis=2, keepdims=True) + counts.sum(axis=1, keepdims=True) - counts
    return (counts / np.maximum(union, 1))[:, 1:, 1:]


def _ids_kept(
    iou: Float[ndarray, "t p g"], asked: Bool[ndarray, "t g"]
) -> tuple[Bool[ndarray, " g"], int]:
    """Which true objects keep one id where asked, and how often ids change."""
    if not iou.shape[1]:
        return np.zeros(iou.shape[2], dtype=bool), 0
    best = np.where(iou.max(axis=1) > 0, iou.argmax(axis=1) + 1, 0)
    kept = np.zeros(iou.shape[2], dtype=bool)
    switches = 0
    for row in range(iou.shape[2]):
        ids = best[asked[:, row], row]
        kept[row] = len(set(ids.tolist())) == 1 and ids[0] > 0
        found = ids[ids > 0]
        switches += int(np.count_nonzero(found[1:] != found[:-1]))
    return kept, switches


def _mean(values: Float[ndarray, "t g"], where: Bool[ndarray, "t g"]) -> Float[ndarray, " g"]:
    return (values * where).sum(axis=0) / np.maximum(where.sum(axis=0), 1)


def _or_nan(values: ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan
