"""What token latents have in common: similarity to one token, and colours from their components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from jepakit.evals.figures.clips import frame_titles
from jepakit.evals.figures.frame_grid import FrameGrid, pick_columns
from jepakit.evals.figures.overlays import enlarge
from jepakit.evals.figures.style import styled

Tokens = Float[np.ndarray, "tt hh ww _"]


def cosine_to(tokens: Tokens, query: tuple[int, int, int]) -> Float[np.ndarray, "tt hh ww"]:
    """Cosine similarity of every token to the one at ``query`` (tubelet, row, column).

    The clip's mean token is taken away first: most of a latent is shared by all tokens, and with
    it every similarity would be close to 1.

    Raises:
        ValueError: ``query`` lies outside the grid.
    """
    if any(not 0 <= place < size for place, size in zip(query, tokens.shape, strict=False)):
        raise ValueError(f"Token {query} lies outside the grid {tokens.shape[:3]}.")
    centred = tokens - tokens.mean(axis=(0, 1, 2))
    lengths = np.linalg.norm(centred, axis=-1, keepdims=True)
    unit = centred / np.maximum(lengths, 1e-12)
    return unit @ unit[query]


def component_colours(tokens: Tokens) -> Float[np.ndarray, "tt hh ww 3"]:
    """The first three principal components of a clip's tokens as red, green and blue.

    Fitted on the whole clip, so that a colour means the same in every frame. The largest loading
    of each component is made positive (signs are arbitrary), and each channel runs from its 1 % to
    its 99 % quantile.
    """
    flat = tokens.reshape(-1, tokens.shape[-1]).astype(np.float64)
    _, _, axes = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    axes = axes[:3] * np.sign(axes[np.arange(3), np.abs(axes[:3]).argmax(axis=1)])[:, None]
    scores = (flat - flat.mean(axis=0)) @ axes.T
    low, high = np.quantile(scores, [0.01, 0.99], axis=0)
    colours = np.clip((scores - low) / np.maximum(high - low, 1e-12), 0, 1)
    return colours.reshape(*tokens.shape[:3], 3)


@styled
def token_similarity(
    frames: UInt8[np.ndarray, "t h w 3"],
    tokens: Mapping[str, Tokens],
    query: tuple[int, int, int],
    *,
    fps: float | None = None,
    columns: int = 8,
) -> Figure:
    """Where an encoder sees the same as at one token, which is marked by a star.

    Args:
        frames: the clip.
        tokens: latents by the name of their encoder, one row each.
        query: tubelet, row and column of the token.
        fps: frames per second, for the titles.
        columns: tubelets to show at most.
    """
    caption = f"Cosine similarity to the starred token (tubelet {query[0]}), mean token removed."
    grid, picked, tubelet = _below_clip(frames, tokens, fps, columns, bars=True, caption=caption)
    big = enlarge(frames)
    grid.show(0, big[picked * tubelet])
    shown = int(np.abs(picked - query[0]).argmin())
    if picked[shown] == query[0]:
        patch = np.array(big.shape[1:3]) / next(iter(tokens.values())).shape[1:3]
        row, column = (np.array(query[1:]) + 0.5) * patch
        star: Any = {"marker": "*", "markersize": 13, "markerfacecolor": "#f0e442"}
        grid.axes[0][shown].plot(column, row, markeredgecolor="#000000", linestyle="none", **star)
    for number, latents in enumerate(tokens.values(), start=1):
        maps = cosine_to(latents, query)[picked]
        grid.show_map(number, maps, cmap="RdBu_r", low=-1.0, high=1.0)
    return grid.figure


@styled
def token_components(
    frames: UInt8[np.ndarray, "t h w 3"],
    tokens: Mapping[str, Tokens],
    *,
    fps: float | None = None,
    columns: int = 8,
) -> Figure:
    """Tokens coloured by their first three principal components, a row per encoder."""
    grid, picked, tubelet = _below_clip(frames, tokens, fps, columns)
    grid.show(0, enlarge(frames)[picked * tubelet])
    for number, latents in enumerate(tokens.values(), start=1):
        grid.show(number, component_colours(latents)[picked])
    return grid.figure


def _below_clip(
    frames: UInt8[np.ndarray, "t h w 3"],
    tokens: Mapping[str, Tokens],
    fps: float | None,
    columns: int,
    **look: Any,
) -> tuple[FrameGrid, np.ndarray, int]:
    """A grid with a row for the clip and one per encoder; its tubelets, and frames of a tubelet."""
    tubelets = len(next(iter(tokens.values())))
    picked = pick_columns(tubelets, columns)
    tubelet = len(frames) // tubelets
    titles = frame_titles(picked * tubelet, fps)
    aspect = frames.shape[1] / frames.shape[2]
    return FrameGrid(["clip", *tokens], titles, aspect=aspect, **look), picked, tubelet
