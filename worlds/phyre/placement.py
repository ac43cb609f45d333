"""Where a user's ball fits into a scene."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from worlds.scene import Circle, Point, Polygon

TOLERANCE = 1e-5  # pixels by which a ball may reach into a body
SHORT = 1e-4  # squared pixels; shorter edges count as their first corner

Placed = tuple[Circle | Polygon, Point, float]
"""A shape of a body with the body's position and angle."""


class Obstacles:
    """The shapes of a scene as arrays, to test a ball against all of them at once."""

    def __init__(self, shapes: Iterable[Placed]) -> None:
        placed = list(shapes)
        circles = [(*at, s.radius) for s, at, _ in placed if isinstance(s, Circle)]
        polygons = [(s.vertices, at, turn) for s, at, turn in placed if isinstance(s, Polygon)]
        self._circles = np.array(circles, np.float64).reshape(-1, 3)
        longest = max((len(vertices) for vertices, _, _ in polygons), default=3)
        padded = [
            vertices + vertices[-1:] * (longest - len(vertices)) for vertices, _, _ in polygons
        ]
        self._start = np.array(padded, np.float64).reshape(-1, longest, 2)
        self._edge = np.roll(self._start, -1, axis=1) - self._start
        self._length = (self._edge**2).sum(axis=-1)
        self._at = np.array([at for _, at, _ in polygons], np.float64).reshape(-1, 2)
        turn = np.array([turn for _, _, turn in polygons], np.float32)
        self._cos, self._sin = np.cos(turn), np.sin(turn)

    def hit(self, x: float, y: float, radius: float) -> bool:
        """Whether a disc reaches into any shape; to touch one is allowed."""
        dx, dy = self._circles[:, 0] - x, self._circles[:, 1] - y
        if (np.hypot(dx, dy) + TOLERANCE < self._circles[:, 2] + radius).any():
            return True
        dx, dy = x - self._at[:, 0], y - self._at[:, 1]
        # The centre in the frame of each polygon, then relative to the start of each of its edges.
        centre = np.stack([dx * self._cos + dy * self._sin, dy * self._cos - dx * self._sin], -1)
        inwards, distance = self._edges(centre[:, None] - self._start)
        inside = (inwards | (self._length == 0)).all(axis=1)
        return bool((inside | (np.sqrt(distance.min(axis=1)) + TOLERANCE < radius)).any())

    def _edges(self, centre: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Per edge: is the centre strictly on the inner side, and its squared distance."""
        along = (self._edge * centre).sum(axis=-1)
        across = self._edge[..., 0] * centre[..., 1] - self._edge[..., 1] * centre[..., 0]
        share = np.where(self._length < SHORT, 0.0, along / np.maximum(self._length, SHORT))
        gap = centre - np.clip(share, 0.0, 1.0)[..., None] * self._edge
        return across > 0, (gap**2).sum(axis=-1)
