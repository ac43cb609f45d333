"""A removal in pictures: clip, re-simulation, true and predicted change, side by side in time."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from explorer.prediction.counterfactual import Counterfactual
from explorer.prediction.heat import SIDE, heat_over, outlined
from jepakit.evals.figures.counterfactual import counterfactual_figure
from jepakit.evals.figures.style import INK, PAPER

Frames = UInt8[np.ndarray, "t h w 3"]
GAP = 6


def removal_panels(view: Counterfactual, *, least: int = SIDE) -> dict[str, Frames]:
    """Enlarged frames by what they show.

    Both changes run from 0 to the largest value of a visible token, each on its own scale; what was
    hidden from the model is hatched in both.

    Args:
        view: the removal.
        least: height and width of a panel at least, in pixels.
    """
    frames = view.clip.frames
    gone = view.labels == view.removed
    found = {f"clip, {view.name} outlined": outlined(frames, gone, least=least)}
    if view.truth is None or view.without is None:
        return found | {"predicted change": heat_over(frames, view.predicted, least=least)}
    nothing = np.zeros_like(gone)
    latents = np.where(view.visible, view.truth.latents, np.nan)
    return found | {
        f"simulated again without {view.name}": outlined(view.without, nothing, least=least),
        "predicted change": heat_over(frames, view.predicted, least=least),
        "true change of latents": heat_over(frames, latents, least=least),
    }


def montage(
    panels: Mapping[str, Frames], *, columns: int = 2
) -> UInt8[np.ndarray, "t tall wide 3"]:
    """Panels of one size under their titles, frame by frame.

    Args:
        panels: frames by title.
        columns: panels side by side.

    Raises:
        ValueError: no panels, or of different sizes.
    """
    shapes = {frames.shape for frames in panels.values()}
    if len(shapes) != 1:
        raise ValueError(f"A montage needs panels of one size, came {sorted(shapes)}.")
    t, height, width, _ = shapes.pop()
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    title = max(16, width // 14)
    tall, wide = height + title + GAP, width + GAP
    canvas = Image.new("RGB", (columns * wide + GAP, rows * tall + GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    places = []
    for number, name in enumerate(panels):
        left, top = GAP + number % columns * wide, GAP + number // columns * tall
        font = _fitting(draw, name, width, 0.72 * title)
        draw.text((left, top + title / 2), name, fill=INK, font=font, anchor="lm")
        places.append((top + title, left))
    out = np.repeat(np.asarray(canvas)[None], t, axis=0)
    for frames, (top, left) in zip(panels.values(), places, strict=True):
        out[:, top : top + height, left : left + width] = frames
    return out


def removal_strip(view: Counterfactual, *, columns: int = 6) -> Figure:
    """The whole removal as one still figure, a column per time slice.

    Raises:
        ValueError: there is no re-simulation to show.
    """
    if view.truth is None or view.without is None:
        raise ValueError(
            f"There is no simulation of '{view.clip.name}' without {view.name} to show."
        )
    return counterfactual_figure(
        view.clip.frames,
        view.without,
        latent_change=view.truth.latents,
        predicted=np.nan_to_num(view.predicted),
        visible=view.visible,
        removed=view.name,
        fps=view.clip.fps,
        columns=columns,
    )


def _fitting(
    draw: ImageDraw.ImageDraw, text: str, width: int, size: float
) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The largest letters, at most ``size``, with which a title fits."""
    font = ImageFont.load_default(size)
    length = draw.textlength(text, font=font)
    return font if length <= width else ImageFont.load_default(size * width / length)
