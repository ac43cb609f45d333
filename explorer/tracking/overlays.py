"""Clips painted over: heat of a similarity, boxes of clicks and of best tokens, segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from explorer.latents import Latents, Token
from explorer.tracking.queries import Query
from explorer.tracking.trajectories import Trajectory
from jepakit.evals.figures.overlays import object_colour
from jepakit.evals.figures.style import PALETTE, PAPER

PERCENTILES = (70.0, 99.5)
GAMMA, ALPHA = 0.65, 0.45
HEAT = "YlOrRd"
POSITIVE, NEGATIVE, BEST = PAPER, PALETTE[0], PALETTE[2]

Frames = UInt8[np.ndarray, "t h w 3"]


def heat(scores: Float[np.ndarray, "tt hh ww"]) -> Float[np.ndarray, "tt hh ww"]:
    """Scores as 0..1: those above 0, stretched between two percentiles of theirs, gamma-corrected.

    The percentiles are of the whole clip, so that one score has one colour in every frame. Scores
    that are all alike, or nowhere above 0, give 0.
    """
    kept = np.maximum(scores.astype(np.float64), 0)
    low, high = np.percentile(kept, PERCENTILES)
    if high <= low:
        return np.zeros_like(kept)
    return np.clip((kept - low) / (high - low), 0, 1) ** GAMMA


def heat_overlay(
    latents: Latents,
    scores: Float[np.ndarray, "tt hh ww"],
    *,
    query: Query | None = None,
    path: Trajectory | None = None,
    enlarged: int = 1,
) -> Frames:
    """The clip with the heat of a similarity over it.

    Heat covers the picture by 45 % where it is above 0. Clicks are boxed in the slice where they
    were made, positive ones in white and negative ones in blue; the best token of every slice in
    green.

    Args:
        latents: of the clip.
        scores: of its tokens.
        query: whose clicks are boxed.
        path: whose tokens are boxed.
        enlarged: pixels that one pixel becomes per side; boxes stay thin.

    Raises:
        ValueError: scores of another grid.
    """
    if scores.shape != latents.grid:
        raise ValueError(f"The clip has {latents.grid} tokens, came scores of {scores.shape}.")
    warm = heat(scores)
    colour = 255 * colormaps[HEAT](warm)[..., :3]
    cover = _to_pixels(ALPHA * (warm > 0), latents)[..., None]
    frames = latents.clip.frames[: len(cover)]
    mixed = (1 - cover) * frames + cover * _to_pixels(colour, latents)
    out = mixed.round().astype(np.uint8).repeat(enlarged, axis=1).repeat(enlarged, axis=2)
    boxes = [(token, POSITIVE) for token in (query.positives if query else ())]
    boxes += [(token, NEGATIVE) for token in (query.negatives if query else ())]
    if path is not None:
        best = ((time, int(row), int(column)) for time, (row, column) in enumerate(path.tokens))
        boxes = [(token, BEST) for token in best] + boxes
    for token, name in boxes:
        _box(out, latents, token, name, enlarged)
    return out


def path_overlay(latents: Latents, paths: Sequence[Trajectory], *, enlarged: int = 1) -> Frames:
    """The clip with the best token of several objects boxed, each in its colour."""
    frames = latents.clip.frames[: latents.grid[0] * latents.tubelet]
    out = frames.repeat(enlarged, axis=1).repeat(enlarged, axis=2)
    for number, path in enumerate(paths, start=1):
        for time, (row, column) in enumerate(path.tokens):
            _box(out, latents, (time, int(row), int(column)), object_colour(number), enlarged)
    return out


def segment_overlay(
    latents: Latents, labels: Int[np.ndarray, "tt hh ww"], *, strength: float = 0.5
) -> Frames:
    """The clip with every object tinted in a colour of its own; the background stays as it is.

    Args:
        latents: of the clip.
        labels: of its tokens, 0 background.
        strength: of the tint, 0..1.
    """
    pixels = label_pixels(latents, labels)
    out = latents.clip.frames[: len(pixels)].astype(np.float64)
    for identity in np.unique(labels[labels > 0]):
        colour = 255 * np.array(object_colour(int(identity)))
        inside = pixels == identity
        out[inside] = (1 - strength) * out[inside] + strength * colour
    return out.round().astype(np.uint8)


def label_pixels(latents: Latents, labels: Int[np.ndarray, "tt hh ww"]) -> Int[np.ndarray, "t h w"]:
    """The label of every pixel: that of its token (nearest neighbour).

    Raises:
        ValueError: labels of another grid.
    """
    if labels.shape != latents.grid:
        raise ValueError(f"The clip has {latents.grid} tokens, came labels of {labels.shape}.")
    return _to_pixels(labels, latents)


def _to_pixels(tokens: np.ndarray, latents: Latents) -> np.ndarray:
    """Repeat a value of every token for its frames, rows and columns."""
    frames = tokens.repeat(latents.tubelet, axis=0)
    return frames.repeat(latents.patch, axis=1).repeat(latents.patch, axis=2)


def _box(
    frames: Frames,
    latents: Latents,
    token: Token,
    colour: str | tuple[float, float, float],
    enlarged: int,
) -> None:
    """Draw the outline of a token inside of its pixels, in the frames of its slice."""
    left, top, right, bottom = (enlarged * edge for edge in latents.box(token))
    start = token[0] * latents.tubelet
    width = max(1, (right - left) // 16)
    area = frames[start : start + latents.tubelet, top:bottom, left:right]
    inside = np.zeros(area.shape[1:3], bool)
    inside[width:-width, width:-width] = True
    area[:, ~inside] = np.round(255 * np.array(to_rgb(colour))).astype(np.uint8)
