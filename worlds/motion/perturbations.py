"""Clips of the same motion that look or move otherwise: does what was found still hold?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worlds.motion.courses import SIDE

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Perturbation:
    """A shift of a whole set of clips; the defaults leave it as it is.

    Attributes:
        brightness: factor of the gray levels, which are cut at 255.
        blur: standard deviation of a Gaussian in pixels of a frame of 256.
        speed: factor of the speed.
        radius: factor of the discs' radius.
        resolution: pixels along a side that are replaced by their mean.
    """

    brightness: float = 1.0
    blur: float = 0.0
    speed: float = 1.0
    radius: float = 1.0
    resolution: int = 1

    def __post_init__(self) -> None:
        """Refuse what shows no disc."""
        low = min(self.brightness, self.speed, self.radius, self.resolution)
        if not (low > 0 and self.blur >= 0):
            raise ValueError(f"Factors must be positive and blur at least 0, got {self}.")

    def on_frames(self, frames: Frames) -> Frames:
        """Blurred, coarser and brighter ``(t, size, size)``; speed and radius are the course's."""
        size = frames.shape[1]
        if size % self.resolution:
            raise ValueError(
                f"Frames of {size} pixels do not divide into blocks of {self.resolution}; give "
                "resolution as a divisor of the size."
            )
        if self.blur:
            frames = blurred(frames, self.blur * size / SIDE)
        if self.resolution > 1:
            frames = coarse(frames, self.resolution)
        return frames * np.float32(self.brightness)


PERTURBATIONS = {
    "brightness": Perturbation(brightness=0.6),
    "blur": Perturbation(blur=3.0),
    "speed": Perturbation(speed=0.6),
    "radius": Perturbation(radius=0.6),
    "resolution": Perturbation(resolution=4),
}


def blurred(frames: Frames, deviation: float) -> Frames:
    """Gaussian blur of rows and columns; border pixels continue outwards.

    Args:
        frames: ``(t, h, w)``.
        deviation: in pixels; the kernel ends at three of them.
    """
    half = math.ceil(3 * deviation)
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / deviation) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (1, 2):
        length = frames.shape[axis]
        padded = np.pad(frames, [(half * (axis == other),) * 2 for other in range(3)], mode="edge")
        taps = (padded.take(range(k, k + length), axis) * w for k, w in enumerate(weights))
        frames = sum(taps, np.zeros_like(frames))
    return frames


def coarse(frames: Frames, block: int) -> Frames:
    """Means of ``block x block`` pixels, each shown on all of them."""
    count, height, width = frames.shape
    tiles = frames.reshape(count, height // block, block, width // block, block)
    means = tiles.mean(axis=(2, 4))
    return means.repeat(block, axis=1).repeat(block, axis=2)
