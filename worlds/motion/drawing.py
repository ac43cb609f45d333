"""Discs and regular polygons with smooth edges, in a plane or on a torus."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """A disc or a regular polygon.

    Attributes:
        radius: of the disc, or from the middle to a corner, in pixels.
        value: gray level, 0..255.
        sides: of the polygon; 0 for a disc.
        angle: of the middle of a side, in rad.
    """

    radius: float
    value: float
    sides: int = 0
    angle: float = 0.0

    def distance(self, right: Floats, up: Floats) -> Floats:
        """How far points lie outside of the outline (inside: below 0), in pixels.

        Args:
            right: from the middle of the shape, in pixels.
            up: likewise; both broadcast.
        """
        if not self.sides:
            return np.hypot(right, up) - self.radius
        turns = self.angle + 2 * math.pi * np.arange(self.sides) / self.sides
        sides = [math.cos(turn) * right + math.sin(turn) * up for turn in turns]
        return np.maximum.reduce(sides) - self.radius * math.cos(math.pi / self.sides)


def paint(
    canvas: NDArray[np.float32], shape: Shape, centres: Floats, *, wrap: bool = False
) -> None:
    """Draw one shape on ``(t, size, size)`` frames, over what is there.

    A pixel is covered by ``0.5 - distance`` of its centre from the outline, cut to 0..1: an edge is
    one pixel wide, and motion by a fraction of a pixel is seen.

    Args:
        canvas: gray levels, top row first; changed in place.
        shape: what to draw; smaller than half a frame.
        centres: ``(t, 2)``, pixels from the left and from the bottom.
        wrap: what leaves at one side comes in at the other; otherwise it is cut off.
    """
    size = canvas.shape[1]
    reach = shape.radius + 1
    for frame, (x, y) in zip(canvas, centres, strict=True):
        columns = np.arange(math.floor(x - reach), math.ceil(x + reach))
        levels = np.arange(math.floor(y - reach), math.ceil(y + reach))  # rows counted upwards
        if not wrap:
            columns = columns[(columns >= 0) & (columns < size)]
            levels = levels[(levels >= 0) & (levels < size)]
        distance = shape.distance(columns[None] + 0.5 - x, levels[:, None] + 0.5 - y)
        cover = (0.5 - distance).clip(0, 1).astype(np.float32)
        where = np.ix_((size - 1 - levels) % size, columns % size)
        frame[where] += cover * (np.float32(shape.value) - frame[where])
