"""The objects of a clip as a sample keeps them: from a segmenter, from the source, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Integer, UInt8
from numpy import ndarray

from data_prep.masks.given import given
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.quality import quality_of
from data_prep.masks.segmenter import Segmentation, Segmenter
from data_prep.pictures import fitted_ids
from jepakit.data.schema import MAX_OBJECTS

LOOKED_AT = 224
"""Pixels. In frames of 64, ``regions`` takes the blurred outline of a small thing for a thing."""
_ALL = ObjectFilter(min_area=0.0, max_area=1.0, top=MAX_OBJECTS)


@dataclass(frozen=True)
class Objects:
    """What a sample keeps.

    Attributes:
        labels: 0 background, ``i`` the object of row ``i - 1`` of ``table``.
        table: ``id``, ``origin`` of the mask, ``score`` or ``source_id``, what the source knows.
        details: the method, what was left out and why, and figures of quality.
        ids: new ids by those of the source, with its own masks; else None.
    """

    labels: UInt8[ndarray, "t h w"]
    table: list[dict[str, Any]]
    details: dict[str, Any]
    ids: dict[int, int] | None = None


@dataclass(frozen=True)
class Masks:
    """How objects are found.

    Attributes:
        method: a segmenter, ``given`` for the source's own masks, or ``none``.
        objects: which of the source's own masks are kept.
        size: side in pixels of the frames in which a segmenter looks; None is ``LOOKED_AT``, or the
            side of a smaller picture, or the side of larger clips.
    """

    method: Segmenter | Literal["given", "none"]
    objects: ObjectFilter
    size: int | None = None

    def side(self, clip: int, picture: int) -> int:
        """Side of the frames in which objects are sought.

        Args:
            clip: side of the clip's frames.
            picture: shorter side of the source's pictures.
        """
        if not isinstance(self.method, Segmenter):
            return clip
        return self.size or max(clip, min(LOOKED_AT, picture))

    @property
    def name(self) -> str:
        """The method, and all that decides its result."""
        if isinstance(self.method, Segmenter):
            return f"{self.method.name}, size={self.size}"
        return f"{self.method}, {self.objects}"

    def find(
        self,
        frames: UInt8[ndarray, "t h w 3"],
        fine: UInt8[ndarray, "t h2 w2 3"],
        truth: Integer[ndarray, "t h w"] | None,
        known: Mapping[int, Mapping[str, Any]],
    ) -> Objects:
        """Objects of a clip.

        Args:
            frames: in the size of the data set.
            fine: in the size in which a segmenter looks.
            truth: the source's own masks.
            known: what the source knows of objects, by the ids of ``truth``.

        Raises:
            ValueError: ``given``, and this video has no masks.
        """
        if self.method == "none":
            return Objects(np.zeros(frames.shape[:3], np.uint8), [], {"method": "none"})
        if self.method == "given":
            return self._given(truth, known)
        assert isinstance(self.method, Segmenter)
        found = self.method.segment(fine)
        labels, scores = _shrunk(found, frames.shape[1])
        table = [
            {"id": number, "origin": "segmenter", "score": round(score, 6)}
            for number, score in enumerate(scores, 1)
        ]
        details: dict[str, Any] = {"method": self.method.name, "dropped": dict(found.dropped)}
        if truth is not None:
            everything, _ = given(truth, _ALL)
            details["quality"] = quality_of(labels, everything.labels).to_json()
        return Objects(labels, table, details)

    def _given(
        self, truth: Integer[ndarray, "t h w"] | None, known: Mapping[int, Mapping[str, Any]]
    ) -> Objects:
        if truth is None:
            raise ValueError("This video has no masks of its own; choose another --masks.")
        found, sources = given(truth, self.objects)
        table = [
            {**known.get(source, {}), "id": number, "origin": "given", "source_id": source}
            for number, source in enumerate(sources, 1)
        ]
        ids = {source: number for number, source in enumerate(sources, 1)}
        details = {"method": "given", "dropped": dict(found.dropped)}
        return Objects(found.labels, table, details, ids)


def _shrunk(found: Segmentation, size: int) -> tuple[UInt8[ndarray, "t h w"], list[float]]:
    """The label map in the size of the data set, without objects too small to be left there."""
    labels = found.labels
    if labels.shape[1] == size:
        return labels, list(found.scores)
    labels = np.stack([fitted_ids(frame, size, "stretch") for frame in labels])
    left = np.unique(labels[labels > 0])
    new = np.zeros(256, np.uint8)
    new[left] = np.arange(1, len(left) + 1)
    return new[labels], [found.scores[number - 1] for number in left.tolist()]
