"""Colours of tokens from their components, the same in every frame of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps

ROBUST = (0.01, 0.99)  # quantiles
GREY = 0.5  # of a component that does not vary


@dataclass(frozen=True)
class ColourRange:
    """What becomes black and what becomes full red, green or blue.

    Attributes:
        low: value of each channel that is 0.
        high: value of each channel that is 255.
    """

    low: Float[np.ndarray, " k"]
    high: Float[np.ndarray, " k"]

    def scaled(self, points: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
        """Values on 0..1; beyond the range they stay at its ends."""
        extent = self.high - self.low
        flat = extent <= 0
        scaled = np.clip((points - self.low) / np.where(flat, 1, extent), 0, 1)
        return np.where(flat, GREY, scaled)


def colour_range(points: Float[np.ndarray, "n k"], *, robust: bool = True) -> ColourRange:
    """The range of a whole clip: of one frame, colours would flicker.

    Args:
        points: components of every token of the clip.
        robust: from the 1 % to the 99 % quantile, so that a few tokens that stick out do not wash
            out the rest; else from the least to the largest.

    Raises:
        ValueError: no points.
    """
    if not len(points):
        raise ValueError("Colours need points, came none.")
    low, high = np.quantile(points, ROBUST if robust else (0.0, 1.0), axis=0)
    return ColourRange(low, high)


def to_rgb(
    points: Float[np.ndarray, "n k"],
    *,
    robust: bool = True,
    channels: tuple[int, int, int] = (0, 1, 2),
    within: ColourRange | None = None,
) -> UInt8[np.ndarray, "n 3"]:
    """Three components as red, green and blue.

    Args:
        points: components of every token of a clip.
        robust: see :func:`colour_range`.
        channels: which components become red, green and blue.
        within: the range of another clip in the same basis, for colours that mean the same.

    Raises:
        ValueError: a channel that there is no component for.
    """
    if not all(0 <= channel < points.shape[1] for channel in channels):
        raise ValueError(
            f"Red, green and blue from components {channels} (from 0) need that many, came "
            f"{points.shape[1]}."
        )
    shown = points[:, list(channels)]
    scale = within or colour_range(shown, robust=robust)
    return (255 * scale.scaled(shown)).round().astype(np.uint8)


def slice_colours(grid: tuple[int, int, int]) -> UInt8[np.ndarray, "n 3"]:
    """A colour per time slice, from dark violet to yellow, for every token of a grid."""
    slices, rows, columns = grid
    colours = colormaps["viridis"](np.linspace(0, 1, slices), bytes=True)[:, :3]
    return colours.repeat(rows * columns, axis=0)
