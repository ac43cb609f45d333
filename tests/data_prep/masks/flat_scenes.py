"""Pictures of flat colours whose masks are known."""

from __future__ import annotations

import numpy as np

WALL = (205, 200, 190)
RED, GREEN, BLUE, SAND = (200, 40, 40), (40, 160, 60), (40, 60, 190), (190, 150, 60)


def box(top: int, left: int, height: int, width: int, size: int = 64) -> np.ndarray:
    mask = np.zeros((size, size), dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def disc(row: float, column: float, radius: float, size: int = 64) -> np.ndarray:
    rows, columns = np.indices((size, size))
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def picture(*things, size=64, wall=WALL, grain=0.0, seed=0, outline=False) -> np.ndarray:
    """A wall with things (mask, colour), later ones before earlier ones; ``outline`` draws each
    with a rim of one pixel in 0.6 of its colour.
    """
    frame = np.empty((size, size, 3))
    frame[:] = wall
    frame += np.random.default_rng(seed).normal(0, 1, (size, size, 1)) * grain
    for mask, colour in things:
        frame[mask] = colour if isinstance(colour, tuple) else colour[mask]
        if outline:
            frame[mask & ~inner(mask)] *= 0.6
    return np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def inner(mask: np.ndarray) -> np.ndarray:
    """Pixels with all four neighbours in the mask."""
    padded = np.pad(mask, 1)
    return (
        padded[1:-1, 1:-1]
        & padded[:-2, 1:-1]
        & padded[2:, 1:-1]
        & padded[1:-1, :-2]
        & padded[1:-1, 2:]
    )


def same_masks(found: np.ndarray, expected: list[np.ndarray]) -> bool:
    """Whether these are the masks, in any order."""
    return sorted(m.tobytes() for m in found) == sorted(m.tobytes() for m in expected)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)
