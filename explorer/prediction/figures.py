"""Curves of surprise, bars of energies, maps of errors and planes of actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from explorer.prediction.action_plane import ActionPlane
from explorer.prediction.futures import TRUE, FutureEnergies
from explorer.prediction.heat import SIDE, heat_over
from explorer.prediction.surprise import Surprise
from jepakit.evals.figures.style import (
    INK,
    MARKERS,
    MUTED,
    NEUTRAL,
    PALETTE,
    WIDTH,
    new_figure,
    styled,
)

UNIT = "error (training loss)"
HELD = "last frame held"


def surprise_frames(
    found: Surprise, *, high: float | None = None, least: int = SIDE
) -> UInt8[np.ndarray, "t h w 3"]:
    """The clip, tinted from its least to its most surprising token.

    Args:
        found: what to paint.
        high: value with the strongest tint; the largest by default.
        least: height and width of the pictures at least, in pixels.
    """
    low = float(np.nanmin(found.errors))
    return heat_over(found.clip.frames, found.errors, low=low, high=high, least=least)


@styled
def surprise_figure(found: Mapping[str, Surprise]) -> Figure:
    """Mean error of each time slice, a curve per model; dashed, if the last frame seen stays.

    Args:
        found: by the model's name, the one in question first, such as its untrained twin after it.

    Raises:
        ValueError: nothing to draw.
    """
    if not found:
        raise ValueError("No surprise to draw.")
    first = next(iter(found.values()))
    figure = new_figure(WIDTH, 2.7)
    axes = figure.subplots()
    tubelet = len(first.clip) // len(first.curve)
    at = ((np.arange(len(first.curve)) + 0.5) * tubelet - 0.5) / first.clip.fps
    for number, (name, one) in enumerate(found.items()):
        colour = PALETTE[0] if number == 0 else (NEUTRAL, *PALETTE[1:])[(number - 1) % 7]
        marker = MARKERS[number % len(MARKERS)]
        axes.plot(at, one.curve, color=colour, marker=marker, markersize=5, label=name)
    if first.held_curve is not None:
        style: Any = {"color": PALETTE[1], "linestyle": "--", "marker": "x", "markersize": 5}
        axes.plot(at, first.held_curve, label=HELD, **style)
    axes.set_xlabel("time of the slice (s)")
    axes.set_ylabel(UNIT)
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside upper left", ncols=4)
    return figure


@styled
def futures_figure(found: Mapping[str, FutureEnergies]) -> Figure:
    """Bars of the energy of each candidate, a panel per model; the true future stands out.

    Titles give its rank and, in brackets, its margin to the best other candidate.

    Args:
        found: by the model's name.

    Raises:
        ValueError: nothing to draw.
    """
    if not found:
        raise ValueError("No energies to draw.")
    names = list(next(iter(found.values())).energies)
    figure = new_figure(WIDTH, 0.9 + 0.27 * len(names))
    panels = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for axes, (title, one) in zip(panels, found.items(), strict=True):
        values = [one.energies[name] for name in names]
        colours = [PALETTE[0] if name == TRUE else NEUTRAL for name in names]
        places = np.arange(len(names))
        axes.barh(places, values, color=colours, height=0.66)
        axes.axvline(one.energies[TRUE], color=PALETTE[0], linewidth=1, linestyle=":")
        for place, value in zip(places, values, strict=True):
            axes.text(value, place, f" {value:.3g}", va="center", color=MUTED, fontsize=8)
        axes.set_title(f"{title}: truth is {one.rank} of {len(names)} ({one.margin:+.1%})")
        axes.set_xlim(0, 1.18 * max(values))
        axes.set_xlabel(UNIT)
        axes.set_yticks(places, labels=names)
        axes.grid(visible=False, axis="y")
    panels[0].invert_yaxis()
    return figure


@styled
def action_figure(plane: ActionPlane) -> Figure:
    """The plane of actions in colours, dark where the true next frame is best explained."""
    figure = new_figure(4.6, 3.8)
    axes = figure.subplots()
    shown = axes.pcolormesh(
        plane.first, plane.second, plane.energy, cmap="viridis", shading="nearest"
    )
    axes.plot(*plane.best, **_mark("X", PALETTE[1]), label="lowest energy")
    axes.plot(*plane.true, **_mark("*", PALETTE[6]), label="true action")
    axes.set_xlabel(plane.names[0])
    axes.set_ylabel(plane.names[1])
    axes.set_aspect("auto")
    axes.grid(visible=False)
    bar = figure.colorbar(shown)
    bar.outline.set_visible(False)
    bar.set_label("energy of the true next frame")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def _mark(marker: str, colour: str) -> dict[str, Any]:
    size = 15 if marker == "*" else 9
    look = {"marker": marker, "markersize": size, "color": colour, "linestyle": "none"}
    return look | {"markeredgecolor": INK, "markeredgewidth": 0.8}
