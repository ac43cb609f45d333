"""Tokens of two models that stand for the same pixels, where patches differ by averaging."""

from __future__ import annotations

from math import gcd

import numpy as np
from einops import reduce
from jaxtyping import Float

from explorer.latents import Latents

Grid = tuple[int, int, int]


def require_same_clip(first: Latents, second: Latents) -> None:
    """Refuse latents of two clips.

    Sizes in pixels may differ: models take clips of their own size.

    Raises:
        ValueError: another source, or other frames of it.
    """
    one, other = first.clip, second.clip
    if (one.name, one.source_frames) != (other.name, other.source_frames):
        raise ValueError(
            f"Two models are compared on one clip, came {one.name!r} with frames "
            f"{_span(one.source_frames)} and {other.name!r} with frames "
            f"{_span(other.source_frames)}: extract both from the same frames."
        )


def common_grid(first: Latents, second: Latents) -> Grid:
    """The finest grid whose cells are whole tokens of both models."""
    slices, rows, columns = map(gcd, first.grid, second.grid)
    return slices, rows, columns


def on_grid(values: Float[np.ndarray, "tt hh ww d"], grid: Grid) -> Float[np.ndarray, "n d"]:
    """Mean over the tokens of each cell, time-major, in float64 where any are averaged.

    Raises:
        ValueError: tokens that do not fill the cells evenly.
    """
    if values.shape[:3] == grid:
        return values.reshape(-1, values.shape[-1])
    if any(have % want for have, want in zip(values.shape, grid, strict=False)):
        raise ValueError(f"Tokens in a grid {values.shape[:3]} do not fill one of {grid} evenly.")
    slices, rows, columns = grid
    pattern = "(t i) (h j) (w k) d -> (t h w) d"
    return reduce(values.astype(np.float64), pattern, "mean", t=slices, h=rows, w=columns)


def paired_tokens(
    first: Latents, second: Latents
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n e"], Grid]:
    """The tokens of both on their common grid, and that grid.

    Raises:
        ValueError: other clips.
    """
    require_same_clip(first, second)
    grid = common_grid(first, second)
    return on_grid(first.values, grid), on_grid(second.values, grid), grid


def _span(frames: tuple[int, ...]) -> str:
    return f"{frames[0]} to {frames[-1]} ({len(frames)})" if frames else "unknown"
