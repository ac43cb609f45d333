"""What makes clips hard to read: a cloudy background, slow shapes, flicker and noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worlds.motion.courses import SIDE, STEPS
from worlds.motion.drawing import Shape, paint

Frames = NDArray[np.float32]

OCTAVES = (4, 8, 16, 32, 64)  # cells along a side; amplitudes fall as 1 / cells
GROUND = (30.0, 110.0)  # gray levels of the background
COUNT = (2, 5)  # slow shapes
SHAPE_RADII = (6.0, 14.0)  # pixels of a frame of 256
SHAPE_VALUES = (60.0, 200.0)
SHAPE_SPEED = 1.5  # pixels per step at most, of a frame of 256
SIDES = (0, 3, 4, 5, 6)
GAIN, OFFSET = (0.85, 1.15), (-8.0, 8.0)
NOISE = 2.0  # standard deviation in gray levels


def background(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Smooth noise of several octaves, ``(size, size)`` gray levels that fill ``GROUND``."""
    total = np.zeros((size, size))
    for cells in OCTAVES:
        grid = rng.standard_normal((cells + 1, cells + 1))
        total += _stretched(_stretched(grid, size).T, size).T / cells
    low, high = total.min(), total.max()
    return (GROUND[0] + (GROUND[1] - GROUND[0]) * (total - low) / (high - low)).astype(np.float32)


def _stretched(grid: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Rows interpolated linearly at the centres of ``size`` pixels."""
    place = (np.arange(size) + 0.5) / size * (len(grid) - 1)
    before = np.minimum(place.astype(np.int64), len(grid) - 2)
    share = (place - before)[:, None]
    return grid[before] * (1 - share) + grid[before + 1] * share


def paint_slow_shapes(rng: np.random.Generator, canvas: Frames) -> None:
    """Draw two to five discs and polygons that drift evenly, each its own way; some leave."""
    frames, size = canvas.shape[:2]
    scale = size / SIDE
    moments = np.linspace(-0.5, 0.5, frames)[:, None] * STEPS
    for _ in range(rng.integers(COUNT[0], COUNT[1] + 1)):
        centre = rng.uniform(0, SIDE, size=2)
        speed, heading = rng.uniform(0, SHAPE_SPEED), rng.uniform(0, 2 * math.pi)
        velocity = speed * np.array([math.cos(heading), math.sin(heading)])
        shape = Shape(
            radius=rng.uniform(*SHAPE_RADII) * scale,
            value=rng.uniform(*SHAPE_VALUES),
            sides=int(rng.choice(SIDES)),
            angle=rng.uniform(0, 2 * math.pi),
        )
        paint(canvas, shape, (centre + moments * velocity) * scale)


def flicker(rng: np.random.Generator, frames: Frames) -> Frames:
    """Each frame brighter or darker than the next, and noise on every pixel."""
    gain = rng.uniform(*GAIN, size=(len(frames), 1, 1)).astype(np.float32)
    offset = rng.uniform(*OFFSET, size=(len(frames), 1, 1)).astype(np.float32)
    noise = rng.standard_normal(frames.shape, dtype=np.float32)
    return frames * gain + offset + np.float32(NOISE) * noise
