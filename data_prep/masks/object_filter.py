"""What counts as an object: confidence, area, no duplicate, no mere part, the largest few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from data_prep.masks.packed_bits import areas_of, intersections, overlap, pack
from data_prep.masks.segmenter import Proposals, Segmentation
from jepakit.data.schema import MAX_OBJECTS

SMALLEST_IN_FRAME = 0.5
"""Share of ``min_area`` that single frames let through, see :meth:`ObjectFilter.in_frames`."""


@dataclass(frozen=True)
class ObjectFilter:
    """Which proposals, and which linked objects, are kept.

    Causal-JEPA, section 4.4 (confidence, area) and its top-K by area. Its 5 to 40 % is applied in
    tokens when objects are drawn for masking (:class:`jepakit.masks.ObjectMasker`), so that objects
    stored here may be smaller, and one data set serves other limits; ``min_area=0.05`` stores the
    paper's literally. Duplicates are removed greedily, best score first, as detectors do; the paper
    does not say how.

    Args:
        min_score: least confidence, 0 to 1; 0 lets all through.
        min_area: least share of the picture.
        max_area: greatest share of the picture.
        top: how many are kept, the largest first.
        max_iou: a mask that overlaps a better one more than this is its duplicate; 1 keeps all.
        max_containment: likewise by the shared part of the smaller of the two: a part of a better
            one, or the whole around a better part; 1 keeps all.
        min_presence: least share of the clip's frames in which an object is visible; 0.1 is two
            frames of 16, one of up to 10. Not asked of single frames.

    Raises:
        ValueError: a setting is out of range.
    """

    min_score: float = 0.0
    min_area: float = 0.01
    max_area: float = 0.40
    top: int = 16
    max_iou: float = 0.8
    max_containment: float = 0.95
    min_presence: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.min_area <= self.max_area <= 1:
            raise ValueError(
                f"Areas are shares of the picture, 0 <= min_area <= max_area <= 1; "
                f"got min_area={self.min_area}, max_area={self.max_area}."
            )
        for name in ("min_score", "max_iou", "max_containment", "min_presence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be within [0, 1], got {getattr(self, name)}.")
        if not 1 <= self.top <= MAX_OBJECTS:
            raise ValueError(f"top must be 1 to {MAX_OBJECTS} (ids are uint8), got {self.top}.")

    def in_frames(self) -> ObjectFilter:
        """The filter for single frames of a clip whose objects are judged as a whole later.

        An object at a limit would flicker if each frame decided alone: half of ``min_area`` is
        let through, and the largest are chosen among whole objects.
        """
        return replace(self, min_area=SMALLEST_IN_FRAME * self.min_area, top=MAX_OBJECTS)

    def select(self, proposals: Proposals) -> tuple[Proposals, dict[str, int]]:
        """Choose among the proposals of one frame.

        The same masks are kept whatever order they come in.

        Returns:
            Those kept, best score first, and how many were dropped as ``score``, ``small``,
            ``large``, ``duplicate``, ``contained`` or ``top`` (more than ``top``).
        """
        bits = pack(proposals.masks)
        areas = areas_of(bits)
        pixels = max(1, proposals.masks[0].size) if len(proposals) else 1
        reasons = self._misfits(areas / pixels, proposals.scores)
        order = sorted(
            (row for row, reason in enumerate(reasons) if not reason),
            key=lambda row: (-proposals.scores[row], -areas[row], bits[row].tobytes()),
        )
        kept = self._greedy(order, bits[order], areas[order], reasons)
        largest = sorted(kept, key=lambda row: -areas[row])
        for row in largest[self.top :]:
            reasons[row] = "top"
        kept = [row for row in kept if not reasons[row]]
        return Proposals(proposals.masks[kept], proposals.scores[kept]), _counts(reasons)

    def select_objects(
        self, areas: Float[ndarray, "k t"], scores: Float[ndarray, " k"]
    ) -> tuple[list[int], dict[str, int]]:
        """Choose among whole objects by the share of the picture they cover in each frame.

        An object's area is its mean over the frames in which it is visible.

        Returns:
            The rows kept, ascending, and how many were dropped as ``hidden`` (visible nowhere),
            ``score``, ``small``, ``large``, ``rare`` (see ``min_presence``) or ``top``.
        """
        visible = np.count_nonzero(areas, axis=1)
        mean = areas.sum(axis=1) / np.maximum(visible, 1)
        reasons = self._misfits(mean, scores)
        for row, seen in enumerate(visible):
            if not seen:
                reasons[row] = "hidden"
            elif not reasons[row] and seen / areas.shape[1] < self.min_presence:
                reasons[row] = "rare"
        kept = [row for row, reason in enumerate(reasons) if not reason]
        for row in sorted(kept, key=lambda row: -mean[row])[self.top :]:
            reasons[row] = "top"
        return [row for row in kept if not reasons[row]], _counts(reasons)

    def select_labels(self, segmentation: Segmentation) -> Segmentation:
        """Choose among the objects of a label map; those kept are numbered anew, in their order."""
        labels, number = segmentation.labels, len(segmentation.scores)
        sizes = [np.bincount(frame.ravel(), minlength=number + 1)[1:] for frame in labels]
        areas = np.array(sizes).reshape(len(labels), number).T / max(1, labels[0].size)
        kept, dropped = self.select_objects(areas, np.array(segmentation.scores))
        table = np.zeros(number + 1, dtype=np.uint8)
        table[[row + 1 for row in kept]] = np.arange(1, len(kept) + 1)
        return Segmentation(
            table[labels],
            tuple(segmentation.scores[row] for row in kept),
            dict(Counter(segmentation.dropped) + Counter(dropped)),
        )

    def _misfits(self, areas: ndarray, scores: Float[ndarray, " n"]) -> list[str]:
        """Why each does not count as an object by itself; empty where it does."""
        reasons = np.where(areas > self.max_area, "large", np.full(len(areas), "", dtype="<U9"))
        reasons[(areas < self.min_area) | (areas == 0)] = "small"
        # Written so that a score that is not a number is refused.
        reasons[~(scores >= self.min_score)] = "score"
        return reasons.tolist()

    def _greedy(
        self, order: Sequence[int], bits: ndarray, areas: Int[ndarray, " n"], reasons: list[str]
    ) -> list[int]:
        """Rows of ``order`` that no earlier kept one makes superfluous; notes the others."""
        shared = intersections(bits, bits)
        iou = overlap(shared, areas, areas)
        contained = shared / np.maximum(np.minimum(areas[:, None], areas[None, :]), 1)
        places: list[int] = []
        for place, row in enumerate(order):
            if (iou[place, places] > self.max_iou).any():
                reasons[row] = "duplicate"
            elif (contained[place, places] > self.max_containment).any():
                reasons[row] = "contained"
            else:
                places.append(place)
        return [order[place] for place in places]


def _counts(reasons: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(reason for reason in reasons if reason).items()))
