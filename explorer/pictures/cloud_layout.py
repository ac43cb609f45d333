"""How a cloud of points looks: axes that stay while time runs, slider and buttons."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from jepakit.evals.figures.style import BAND, INK, MUTED, PAPER, RULE

# The same as the reports' (jepakit.evals.pages.report_style).
FONT = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif'
HEIGHT = 560  # pixels
STEP = 350  # ms of a slice
MARGIN = 0.05  # of the extent, around the points
CAMERA = {"eye": {"x": 1.3, "y": 1.3, "z": 0.8}, "center": {"x": 0, "y": 0, "z": -0.16}}


def cloud_layout(
    points: Float[np.ndarray, "n k"], slices: int, *, animated: bool, play: bool, axis: str
) -> dict[str, Any]:
    """Layout of a Plotly figure with one trace per slice.

    Args:
        points: all of them; the ranges of the axes are theirs, whatever is shown.
        slices: of time.
        animated: whether there is a slider.
        play: whether there are buttons that need the figure's frames.
        axis: what axes are called; a number follows.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    pad = MARGIN * np.where(high > low, high - low, 1.0)
    axes = [
        _axis(f"{axis} {number}", float(start), float(end))
        for number, (start, end) in enumerate(zip(low - pad, high + pad, strict=True), start=1)
    ]
    layout: dict[str, Any] = {
        "height": HEIGHT,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "font": {"family": FONT, "color": INK, "size": 13},
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": RULE, "font": {"color": INK}},
        "showlegend": False,
        "uirevision": "keep",
        **_placed(axes),
    }
    if animated:
        layout["sliders"] = [_slider(slices, play=play)]
    if play:
        layout["updatemenus"] = [_buttons(slices)]
    return layout


def _axis(title: str, low: float, high: float) -> dict[str, Any]:
    return {
        "title": {"text": title, "font": {"size": 12, "color": MUTED}},
        "range": [low, high],
        "gridcolor": RULE,
        "zeroline": False,
        "tickfont": {"size": 10, "color": MUTED},
    }


def _placed(axes: list[dict[str, Any]]) -> dict[str, Any]:
    if len(axes) == 2:
        even = {"scaleanchor": "x", "automargin": True}
        return {"xaxis": axes[0] | {"automargin": True}, "yaxis": axes[1] | even}
    backed = [axis | {"backgroundcolor": BAND, "showbackground": True} for axis in axes]
    scene = dict(zip(("xaxis", "yaxis", "zaxis"), backed, strict=True))
    return {"scene": {**scene, "aspectmode": "auto", "camera": CAMERA}}


def _slider(slices: int, *, play: bool) -> dict[str, Any]:
    return {
        "active": 0,
        "x": 0.25 if play else 0.0,
        "len": 0.75 if play else 1.0,
        "pad": {"t": 36, "b": 4},
        "currentvalue": {"prefix": "time slice: ", "font": {"size": 13, "color": INK}},
        "bgcolor": BAND,
        "bordercolor": RULE,
        "tickcolor": RULE,
        "font": {"size": 10, "color": MUTED},
        "steps": [_step(name, slices, play=play) for name in ("all", *map(str, range(slices)))],
    }


def _step(name: str, slices: int, *, play: bool) -> dict[str, Any]:
    if play:
        return {"label": name, "method": "animate", "args": [[name], _transition(0)]}
    shown = [name in ("all", str(number)) for number in range(slices)]
    return {"label": name, "method": "restyle", "args": [{"visible": shown}]}


def _transition(milliseconds: int) -> dict[str, Any]:
    return {
        "mode": "immediate",
        "frame": {"duration": milliseconds, "redraw": True},
        "transition": {"duration": 0},
    }


def _buttons(slices: int) -> dict[str, Any]:
    order = [str(number) for number in range(slices)]
    return {
        "type": "buttons",
        "direction": "left",
        "showactive": False,
        "x": 0.0,
        "y": 0.0,
        "xanchor": "left",
        "yanchor": "top",
        "pad": {"t": 44, "b": 4},
        "bgcolor": PAPER,
        "bordercolor": RULE,
        "font": {"size": 12, "color": INK},
        "buttons": [
            {"label": "Play", "method": "animate", "args": [order, _transition(STEP)]},
            {"label": "Pause", "method": "animate", "args": [[None], _transition(0)]},
        ],
    }
