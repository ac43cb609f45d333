"""Objects painted in one colour each, read back from a lossy video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped, UInt8
from numpy import ndarray
from scipy.ndimage import distance_transform_edt

from jepakit.data.video.frame_source import FrameSource
from worlds.cophy.look import RGB as PAINTS

# Share of the distance to the second nearest colour beyond which a pixel is a mixture. Of 0.5 to 1,
# 0.7 to 0.8 came closest to crowded scenes drawn in H.264 and MPEG-4: overlap 0.97 on average.
DOUBT = 0.7
MARGIN = 3  # pixels by which a box may be too small


@dataclass(frozen=True)
class PaintedObjects:
    """Masks of the objects of a video, by the row of their colour plus one.

    Attributes:
        video: of the segmentation.
        colours: names, by row.
        present: whether the object is in the scene.
        boxes: in pixels.
    """

    video: FrameSource
    colours: Sequence[str]
    present: Bool[ndarray, " k"]
    boxes: Float[ndarray, "frames k 4"]

    def frames(self, numbers: Sequence[int]) -> Iterator[Integer[ndarray, "h w"]]:
        """Masks of these frames."""
        paints = np.array([PAINTS[name] for name in self.colours], float)[self.present]
        ids = np.concatenate([[0], np.flatnonzero(self.present) + 1])
        for number, picture in zip(numbers, self.video.frames(numbers), strict=True):
            yield ids[painted_ids(picture, paints, self.boxes[number, self.present])]

    def check(self, where: str) -> None:
        """Refuse masks of other colours than assumed.

        Raises:
            ValueError: most of the objects do not show in their boxes.
        """
        (first,) = self.frames([0])
        height, width = first.shape
        lost = seen = 0
        for row in np.flatnonzero(self.present).tolist():
            left, top, right, bottom = self.boxes[0, row].clip(0, [width, height, width, height])
            area = (right - left) * (bottom - top)
            if area > MARGIN**2:
                seen += 1
                lost += int((first == row + 1).sum() < area / 20)
        if 2 * lost > seen:
            raise ValueError(
                f"{where}: {lost} of {seen} objects do not show in their colour where 'bboxes.npy' "
                "puts them."
            )


def painted_ids(
    picture: UInt8[ndarray, "h w 3"],
    colours: Float[ndarray, "k 3"],
    boxes: Float[ndarray, "k 4"],
) -> Shaped[ndarray, "h w"]:
    """Row of the nearest colour plus one, 0 background.

    An object is sought within its box alone: between yellow and black lies a green, and an edge
    must not become a third object. The background is whatever colour lies outside of all boxes.
    Pixels between two colours, as a codec leaves along edges, go the way of the nearest sure pixel.

    Args:
        picture: of the segmentation.
        colours: of the objects, 0 to 255.
        boxes: left, top, right, bottom in pixels; an object that is not seen has one without area.
    """
    places = [_within(box, *picture.shape[:2]) for box in boxes]
    outside = np.ones(picture.shape[:2], bool)
    for place in places:
        outside[place] = False
    floor = np.median(picture[outside], axis=0) if outside.any() else np.zeros(3)
    ids = np.zeros(picture.shape[:2], np.int64)
    nearest = _squares(picture, floor)
    second = np.full(nearest.shape, np.inf, np.float32)
    for row, (colour, place) in enumerate(zip(colours, places, strict=True), 1):
        squares = _squares(picture[place], colour)
        ids[place][squares < nearest[place]] = row
        second[place] = np.minimum(second[place], np.maximum(nearest[place], squares))
        nearest[place] = np.minimum(nearest[place], squares)
    mixed = nearest > DOUBT**2 * second
    if mixed.any() and not mixed.all():
        rows, columns = distance_transform_edt(mixed, return_distances=False, return_indices=True)
        ids = ids[rows, columns]
    return ids


def _squares(
    picture: UInt8[ndarray, "h w 3"], colour: Float[ndarray, " 3"]
) -> Float[ndarray, "h w"]:
    """Squared distance from a colour."""
    return ((picture - colour.astype(np.float32)) ** 2).sum(axis=-1)


def _within(box: Float[ndarray, " 4"], height: int, width: int) -> tuple[slice, slice]:
    left, top, right, bottom = box
    if right <= left or bottom <= top:
        return slice(0), slice(0)
    rows = slice(max(0, int(top) - MARGIN), min(height, int(bottom) + 1 + MARGIN))
    columns = slice(max(0, int(left) - MARGIN), min(width, int(right) + 1 + MARGIN))
    return rows, columns
