"""Scores with their intervals, label by label."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jepakit.evals.figures.style import (
    BAND,
    INK,
    MARKERS,
    MUTED,
    NEUTRAL,
    PALETTE,
    PAPER,
    WIDTH,
    new_figure,
    styled,
)


@dataclass(frozen=True)
class ForestPoint:
    """One estimate: which row it is on, whose it is, and its interval."""

    label: str
    series: str
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class ForestPanel:
    """The points of one metric; ``chance`` draws a dashed line, values below ``floor`` an arrow."""

    title: str
    points: Sequence[ForestPoint]
    chance: float | None = None
    floor: float | None = None


@styled
def forest_plot(panels: Sequence[ForestPanel]) -> Figure:
    """A row per label and a mark per series, panel under panel, one legend for all.

    Raises:
        ValueError: there is no point to draw.
    """
    panels = [panel for panel in panels if panel.points]
    if not panels:
        raise ValueError("No scores to draw.")
    series = list(dict.fromkeys(p.series for panel in panels for p in panel.points))
    rows = [len({p.label for p in panel.points}) for panel in panels]
    height = sum(0.55 + 0.15 * len(series) * r for r in rows) + 0.35
    figure = new_figure(WIDTH, height)
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=[r + 0.4 for r in rows])
    looks = _looks(series)
    for axes, panel in zip(grid.ravel(), panels, strict=True):
        _draw_panel(axes, panel, looks)
    handles, names = grid[0, 0].get_legend_handles_labels()
    columns = min(len(series), 4)  # more are wider than the page
    figure.legend(handles, names, loc="outside upper left", ncols=columns, handletextpad=0.3)
    return figure


def _looks(series: Sequence[str]) -> Mapping[str, tuple[str, str, float]]:
    """Colour, marker and vertical shift of every series; the last, the constant, is grey."""
    colours = [*PALETTE[: len(series) - 1], NEUTRAL] if len(series) > 1 else [PALETTE[0]]
    middle = (len(series) - 1) / 2
    return {
        name: (
            colours[i % len(colours)],
            MARKERS[i % len(MARKERS)],
            (i - middle) * 0.75 / len(series),
        )
        for i, name in enumerate(series)
    }


def _draw_panel(
    axes: Axes, panel: ForestPanel, looks: Mapping[str, tuple[str, str, float]]
) -> None:
    labels = list(dict.fromkeys(point.label for point in panel.points))
    for row in range(0, len(labels), 2):
        axes.axhspan(row - 0.5, row + 0.5, color=BAND, linewidth=0, zorder=0)
    if panel.chance is not None:
        axes.axvline(panel.chance, color=MUTED, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    named: set[str] = set()
    for point in panel.points:
        colour, marker, shift = looks[point.series]
        y = labels.index(point.label) + shift
        name = None if point.series in named else point.series
        named.add(point.series)
        floor = panel.floor
        if floor is not None and point.estimate < floor:
            axes.plot(floor, y, marker="<", color=colour, markersize=6, label=name)
            note = f" {point.estimate:.3g}"
            place: Any = {"va": "center", "xytext": (5, 0), "textcoords": "offset points"}
            axes.annotate(note, (floor, y), color=MUTED, fontsize=7, **place)
            continue
        low = point.low if floor is None else max(point.low, floor)
        axes.plot([low, point.high], [y, y], color=colour, linewidth=2, solid_capstyle="round")
        mark: Any = {"marker": marker, "markersize": 5.5, "markeredgecolor": PAPER, "label": name}
        axes.plot(point.estimate, y, color=colour, linestyle="none", markeredgewidth=0.7, **mark)
    axes.set_title(panel.title)
    wrapped = [textwrap.fill(label, 26) for label in labels]
    axes.set_yticks(range(len(labels)), labels=wrapped, color=INK)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
