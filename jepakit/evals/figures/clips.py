"""What a clip shows, which objects are in it, and what masking leaves of it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, UInt8
from matplotlib.figure import Figure

from jepakit.evals.figures.frame_grid import FrameGrid, pick_columns
from jepakit.evals.figures.overlays import enlarge, hide_tokens, paint_objects
from jepakit.evals.figures.style import styled


def frame_titles(columns: np.ndarray, fps: float | None) -> list[str]:
    """Time of each frame in seconds, or its number where the rate is not known."""
    if fps is None:
        return [f"frame {column}" for column in columns]
    return [f"{column / fps:.1f} s" for column in columns]


@styled
def clip_strip(
    frames: UInt8[np.ndarray, "t h w 3"],
    *,
    labels: UInt8[np.ndarray, "t h w"] | None = None,
    visible: Bool[np.ndarray, "tt hh ww"] | None = None,
    fps: float | None = None,
    columns: int = 8,
) -> Figure:
    """Frames of a clip; below, its objects in colours and the context that remained after masking.

    Args:
        frames: RGB, 0..255.
        labels: object ids, 0 background.
        visible: 1 where the context encoder saw a token.
        fps: frames per second, for the titles.
        columns: frames to show at most.
    """
    picked = pick_columns(len(frames), columns)
    big = enlarge(frames)
    rows = {"clip": big}
    if labels is not None:
        rows["objects"] = paint_objects(big, enlarge(labels))
    if visible is not None:
        rows[f"visible context ({visible.mean():.0%} of tokens)"] = hide_tokens(big, visible)
    aspect = frames.shape[1] / frames.shape[2]
    grid = FrameGrid(list(rows), frame_titles(picked, fps), aspect=aspect)
    for number, clip in enumerate(rows.values()):
        grid.show(number, clip[picked])
    return grid.figure
