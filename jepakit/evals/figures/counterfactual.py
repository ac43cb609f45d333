"""The consequences of removing an object: what really changes beside what the model expects."""

from __future__ import annotations

import numpy as np
from einops import reduce
from jaxtyping import Bool, Float, UInt8
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from jepakit.evals.figures.clips import frame_titles
from jepakit.evals.figures.frame_grid import FrameGrid, pick_columns
from jepakit.evals.figures.overlays import enlarge
from jepakit.evals.figures.style import styled

TokenMap = Float[np.ndarray, "tt hh ww"]


def pixel_change(
    clip: UInt8[np.ndarray, "t h w 3"],
    other: UInt8[np.ndarray, "t h w 3"],
    grid: tuple[int, int, int],
) -> TokenMap:
    """Mean absolute difference of two clips within each token, in grey levels (0..255)."""
    tt, hh, ww = grid
    difference = np.abs(clip.astype(np.float64) - other)
    pattern = "(tt u) (hh p) (ww q) c -> tt hh ww"
    return reduce(difference, pattern, "mean", tt=tt, hh=hh, ww=ww)


def rank_agreement(
    predicted: TokenMap, truth: TokenMap, visible: Bool[np.ndarray, "tt hh ww"]
) -> float:
    """Spearman's rank correlation over the visible tokens; NaN where one of the two is constant."""
    first, second = predicted[visible], truth[visible]
    if first.size < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first, second).statistic)


@styled
def counterfactual_figure(
    clip: UInt8[np.ndarray, "t h w 3"],
    without: UInt8[np.ndarray, "t h w 3"],
    *,
    latent_change: TokenMap,
    predicted: TokenMap,
    visible: Bool[np.ndarray, "tt hh ww"],
    removed: str = "the object",
    fps: float | None = None,
    columns: int = 8,
) -> Figure:
    """A clip, the same world simulated without one object, and the change of every token.

    Args:
        clip: the scene as it happened.
        without: the same scene simulated again without the object.
        latent_change: norm of the encoder's latent of ``clip`` minus that of ``without``.
        predicted: norm of the residual that the model predicts without seeing ``without``.
        visible: 1 where the model saw a token; the others are hatched in its row.
        removed: name of the object.
        fps: frames per second, for the titles.
        columns: tubelets to show at most.
    """
    pixels = pixel_change(clip, without, predicted.shape)
    picked = pick_columns(len(predicted), columns)
    tubelet = len(clip) // len(predicted)
    latent_rank = rank_agreement(predicted, latent_change, visible)
    pixel_rank = rank_agreement(predicted, pixels, visible)
    grid = FrameGrid(
        [
            "clip",
            f"simulated without {removed}",
            "true change in pixels (grey levels)",
            "true change in latents (norm)",
            "predicted residual (norm)",
        ],
        frame_titles((picked + 1) * tubelet - 1, fps),
        aspect=clip.shape[1] / clip.shape[2],
        bars=True,
        caption=(
            f"Spearman rank correlation of the predicted residual, {visible.sum()} visible tokens: "
            f"{_rank(latent_rank)} with the true change in latents, {_rank(pixel_rank)} with the "
            "true change in pixels. Hatched: hidden from the model."
        ),
    )
    last = (picked + 1) * tubelet - 1
    grid.show(0, enlarge(clip)[last])
    grid.show(1, enlarge(without)[last])
    shown = np.where(visible, predicted, np.nan)
    for number, values in enumerate((pixels, latent_change, shown), start=2):
        high = float(np.nanmax(values, initial=0.0)) or 1.0
        grid.show_map(number, values[picked], cmap="viridis", low=0.0, high=high)
    return grid.figure


def _rank(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:+.2f}"
