"""Linked masks, which may overlap, as one label map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from data_prep.masks.linking import Track
from data_prep.masks.segmenter import Proposals, Segmentation
from jepakit.data.schema import MAX_OBJECTS


def area_shares(tracks: Sequence[Track], shape: tuple[int, int, int]) -> Float[ndarray, "k t"]:
    """Share of the picture that each object's mask covers in each frame of a clip (t, h, w)."""
    frames, height, width = shape
    areas = np.zeros((len(tracks), frames))
    for row, track in enumerate(tracks):
        areas[row, list(track.frames)] = track.areas
    return areas / (height * width)


def paint(
    tracks: Sequence[Track], proposals: Sequence[Proposals], shape: tuple[int, int, int]
) -> Segmentation:
    """Paint the objects of a clip (t, h, w), the larger first, so that the smaller lies on top.

    Ids descend in mean area, over the frames in which an object was found, and do not depend on the
    order of tracks or of a frame's proposals. An object that never shows a pixel gets no id and is
    counted as dropped because ``hidden``; the smallest beyond 255 because of ``top``.
    """
    order = sorted(tracks, key=lambda track: _painted(track, proposals))
    largest = order[:MAX_OBJECTS]
    labels = np.zeros(shape, dtype=np.uint8)
    for number, track in enumerate(largest, start=1):
        for frame, row in zip(track.frames, track.rows, strict=True):
            # Ids ascend as objects are painted: what lies on top is what is greater.
            mask = proposals[frame].masks[row].view(np.uint8)
            np.maximum(labels[frame], mask * np.uint8(number), out=labels[frame])
    numbers, scores = _shown(labels, largest)
    dropped = {"hidden": len(largest) - len(scores), "top": len(order) - len(largest)}
    return Segmentation(numbers[labels], scores, {r: n for r, n in dropped.items() if n})


def _painted(track: Track, proposals: Sequence[Proposals]) -> tuple[float, int, float, bytes]:
    """What decides when an object is painted; the mask itself only among equals."""
    first = proposals[track.frames[0]].masks[track.rows[0]]
    return -track.mean_area, track.frames[0], -track.score, np.packbits(first).tobytes()


def _shown(
    labels: UInt8[ndarray, "t h w"], tracks: Sequence[Track]
) -> tuple[UInt8[ndarray, " ids"], tuple[float, ...]]:
    """New numbers without gaps for those that show a pixel, and their scores."""
    shown = np.bincount(labels.ravel(), minlength=len(tracks) + 1)[1:] > 0
    numbers = np.concatenate(([0], np.where(shown, np.cumsum(shown), 0))).astype(np.uint8)
    return numbers, tuple(t.score for t, seen in zip(tracks, shown, strict=True) if seen)
