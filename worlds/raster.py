"""Pixels of discs and convex polygons, the same ones the official PHYRE renderer fills.

Each shape becomes horizontal runs of pixels (one run per row), computed for all frames at once.
The arithmetic mixes single and double precision exactly where the official renderer does, because
a value that ends on a half pixel is rounded there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worlds.scene import Circle, Polygon

FLAT = 1e-3  # pixels; edges with less rise bound no row


class Runs(NamedTuple):
    """Horizontal runs of pixels ``left <= x < right`` at ``row`` of ``frame``, row 0 lowest."""

    frame: NDArray[np.int64]
    row: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


def rasterise(
    objects: Sequence[Sequence[Circle | Polygon]],
    states: NDArray[np.floating],
    *,
    size: tuple[int, int],
    scale: float,
    top_first: bool = True,
) -> NDArray[np.uint8]:
    """Which object is seen at each pixel; a later object covers an earlier one.

    Args:
        objects: the shapes of each object, in its own frame.
        states: ``(T, objects, >= 3)``: x, y in the unit of the shapes, angle in rad; further
            columns are ignored. What stands still in all frames is drawn once.
        size: height and width in pixels.
        scale: pixels per unit of length.
        top_first: whether row 0 is the top of the picture or (PHYRE) its bottom.

    Returns:
        ``(T, height, width)``: 0 background, ``i + 1`` where ``objects[i]`` is on top.

    Raises:
        ValueError: shapes and states do not fit, or there are more than 255 objects.
    """
    if states.ndim != 3 or states.shape[1] != len(objects) or states.shape[2] < 3:
        raise ValueError(
            f"Expected states (T, {len(objects)}, >= 3) for {len(objects)} objects; "
            f"got {states.shape}."
        )
    if len(objects) > 255:
        raise ValueError(f"A label map holds at most 255 objects; got {len(objects)}.")
    poses = states[:, :, :3]
    still = (poses == poses[:1]).all(axis=(0, 2))
    fixed = np.zeros((1, *size), np.uint8)
    moving = np.zeros((len(states), *size), np.uint8)
    for index, shapes in enumerate(objects):
        canvas = fixed if still[index] else moving
        for runs in shape_runs(shapes, poses[: len(canvas), index], size=size, scale=scale):
            fill(canvas, runs, index + 1, top_first=top_first)
    return np.maximum(moving, fixed)


def shape_runs(
    shapes: Sequence[Circle | Polygon],
    poses: NDArray[np.floating],
    *,
    size: tuple[int, int],
    scale: float,
) -> list[Runs]:
    """Runs of one object that takes ``poses`` ``(T, 3)``; its parts may overlap."""
    angle = poses[:, 2].astype(np.float32)
    turn = (np.cos(angle), np.sin(angle))
    place = poses[:, :2].astype(np.float64) * scale
    runs = []
    polygons = [shape.vertices for shape in shapes if isinstance(shape, Polygon)]
    if polygons:
        longest = max(map(len, polygons))
        # Polygons with fewer vertices repeat the last one: edges without length bound nothing.
        padded = [p + p[-1:] * (longest - len(p)) for p in polygons]
        corners = _placed(np.array(padded).reshape(-1, 2) * scale, turn, place)
        runs.append(polygon_runs(corners.reshape(-1, longest, 2), len(polygons), size))
    for shape in shapes:
        if isinstance(shape, Circle):
            centre = _placed(np.array([shape.centre]) * scale, turn, place)[:, 0]
            runs.append(circle_runs(centre.astype(np.float32), shape.radius * scale, size))
    return runs


def _placed(
    points: NDArray[np.float64],
    turn: tuple[NDArray[np.float32], NDArray[np.float32]],
    place: NDArray[np.float64],
) -> NDArray[np.float64]:
    x, y = points[None, :, 0], points[None, :, 1]
    cos, sin = turn[0][:, None], turn[1][:, None]
    turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)
    return turned + place[:, None]


def polygon_runs(corners: NDArray[np.float64], per_frame: int, size: tuple[int, int]) -> Runs:
    """Runs of ``(T * per_frame, V, 2)`` convex counter-clockwise polygons, in pixels.

    A pixel belongs to the polygon when its centre does: right of every falling edge and left of
    every rising one.
    """
    height, width = size
    before = np.roll(corners, 1, axis=1)
    rise = corners[..., 1] - before[..., 1]
    rising, falling = rise >= FLAT, rise <= -FLAT
    low = np.where(rising[..., None], before, corners)
    high = np.where(rising[..., None], corners, before)
    bottom = np.maximum(np.rint(corners[..., 1].min(axis=1)), 0).astype(np.int64)
    top = np.minimum(np.rint(corners[..., 1].max(axis=1)), height).astype(np.int64)
    polygon, row = _rows(bottom, np.where(rising.any(axis=1) & falling.any(axis=1), top, 0))
    start, end = low[polygon], high[polygon]
    centre = (row + 0.5)[:, None]
    length = np.where(rise == 0, 1.0, np.abs(rise))[polygon]
    share = ((centre - start[..., 1]) / length).astype(np.float32)
    crossing = (share * (end[..., 0] - start[..., 0]) + start[..., 0]).astype(np.float32)
    left = np.where(falling[polygon], crossing, -np.inf).max(axis=1)
    right = np.where(rising[polygon], crossing, np.inf).min(axis=1)
    left = np.clip(np.rint(left), 0, width).astype(np.int64)
    right = np.clip(np.rint(right), 0, width).astype(np.int64)
    keep = left < right
    return Runs(polygon[keep] // per_frame, row[keep], left[keep], right[keep])


def circle_runs(centre: NDArray[np.float32], radius: float, size: tuple[int, int]) -> Runs:
    """Runs of one disc at ``(T, 2)`` centres in pixels: pixel centres at most ``radius`` away."""
    height, width = size
    r = np.float32(radius)
    middle = centre - np.float32(0.5)  # pixel centres are integers from here on
    bottom = np.clip(np.trunc(middle[:, 1] - r), 0, height).astype(np.int64)
    top = np.clip(np.trunc(middle[:, 1] + r + np.float32(1)) + 1, 0, height).astype(np.int64)
    frame, row = _rows(bottom, top)
    cx, cy = middle[frame, 0], middle[frame, 1]
    room = r * r - (row.astype(np.float32) - cy) ** 2
    half = np.sqrt(np.maximum(room, 0))

    def inside(column: NDArray[np.floating]) -> NDArray[np.bool_]:
        return (column.astype(np.float32) - cx) ** 2 <= room

    # Rounding can put an end one pixel too far out, never too far in: sqrt(d * d) gives d back.
    left, right = np.ceil(cx - half), np.floor(cx + half)
    left += ~inside(left)
    right -= ~inside(right)
    # The official renderer grows each run from this column and draws nothing where it is outside.
    keep = inside(np.trunc(cx))
    left = np.clip(left, 0, width).astype(np.int64)
    right = np.clip(right + 1, 0, width).astype(np.int64)
    keep &= left < right
    return Runs(frame[keep], row[keep], left[keep], right[keep])


def _rows(
    bottom: NDArray[np.int64], top: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every item with each of its rows ``bottom <= row < top``."""
    count = np.maximum(top - bottom, 0)
    item = np.repeat(np.arange(len(count)), count)
    first = np.cumsum(count) - count
    return item, np.arange(len(item)) - first[item] + bottom[item]


def fill(canvas: NDArray[np.uint8], runs: Runs, value: int, *, top_first: bool) -> None:
    """Set the pixels of ``runs`` on a ``(T, height, width)`` canvas."""
    _, height, width = canvas.shape
    row = height - 1 - runs.row if top_first else runs.row
    length = runs.right - runs.left
    start = (runs.frame * height + row) * width + runs.left
    shift = start - (np.cumsum(length) - length)
    pixels = np.repeat(shift, length)
    pixels += np.arange(len(pixels))
    canvas.reshape(-1)[pixels] = value
