"""Whether a subspace is found again and works elsewhere: alignment beside retained effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
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
from jepakit.evals.states.page.layer_names import short_name
from jepakit.evals.states.page.paper_values import PublishedPortability, PublishedStudy
from jepakit.evals.states.result import PortableRow

DASHED = (0, (4, 3))
BESIDE = 0.27  # where marks do not cover each other
METHODS = {"pca": "class-mean PCA", "dim": "difference in means", "sparse": "sparse probe"}
"""What methods are called."""
COLOURS = {"pca": PALETTE[0], "dim": PALETTE[2], "sparse": PALETTE[1]}


@styled
def portability_figure(rows: Sequence[PortableRow], paper: PublishedStudy | None = None) -> Figure:
    """Alignment (SAS) beside retained effect (RCE), a row per method and layer.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("No portability to draw.")
    figure = new_figure(WIDTH, 1.25 + 0.3 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    for axes in (left, right):
        for y in range(0, len(rows), 2):
            axes.axhspan(y - 0.5, y + 0.5, color=BAND, linewidth=0, zorder=0)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    right.axvline(1, color=MUTED, linewidth=1)
    for y, row in enumerate(rows):
        _draw_alignment(left, y, row, named=y == 0)
        _draw_retained(right, y, row)
    for y, theirs in enumerate(published_rows(rows, paper)):
        if theirs:
            label = f"paper ({paper.model})" if paper and not y else None
            mark: Any = {"marker": "D", "color": INK, "mfc": PAPER, "markersize": 4.5, "ls": ""}
            left.plot(theirs.alignment, y + BESIDE, label=label, **mark)
            right.plot(theirs.retained, y + BESIDE, **mark)
    names = [f"{METHODS[row.method]}, {short_name(row.layer)}" for row in rows]
    left.set_yticks(range(len(rows)), labels=names, color=INK)
    left.set_ylim(len(rows) - 0.5, -0.5)
    left.set_xlim(-0.03, 1.03)
    left.set_title("Same directions? Alignment (SAS)")
    right.set_title("Same function? Retained effect (RCE)")
    _include(right, 0.0, 1.1)
    figure.legend(loc="outside upper left", ncols=4, columnspacing=1.2, handletextpad=0.5)
    return figure


@styled
def spectrum_figure(rows: Sequence[PortableRow]) -> Figure:
    """Squared cosines of the principal angles, a panel per method, a curve per layer.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("No spectrum to draw.")
    methods = list(dict.fromkeys(row.method for row in rows))
    figure = new_figure(WIDTH, 2.5)
    panels = figure.subplots(1, max(2, len(methods)), sharey=True, squeeze=False)[0]
    for axes, method in zip(panels, methods, strict=False):
        own = [row for row in rows if row.method == method]
        for i, row in enumerate(own):
            spectrum = row.found.spectrum
            axes.plot(
                np.arange(1, len(spectrum) + 1), spectrum, color=PALETTE[i % len(PALETTE)],
                marker=MARKERS[i % len(MARKERS)], markersize=4, label=short_name(row.layer),
            )  # fmt: skip
        axes.axhline(own[0].found.chance, color=MUTED, linestyle=DASHED, linewidth=1)
        axes.set_title(METHODS[method])
        axes.set_xlabel("principal angle")
        axes.set_xticks(range(1, max(len(row.found.spectrum) for row in own) + 1))
        axes.set_ylim(-0.03, 1.03)
    for axes in panels[len(methods) :]:
        axes.set_visible(False)
    panels[0].set_ylabel("squared cosine")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=4)
    return figure


def _draw_alignment(axes: Axes, y: int, row: PortableRow, *, named: bool) -> None:
    found, colour = row.found, COLOURS[row.method]
    name = {"chance": "chance", "noise": "noise alone, 5 % to 50 %", "energy": "energy-weighted"}
    names: dict[str, str | None] = {key: text if named else None for key, text in name.items()}
    axes.plot([found.chance] * 2, [y - 0.4, y + 0.4], color=MUTED, linestyle=(0, (2, 1.5)),
              linewidth=1.2, label=names["chance"])  # fmt: skip
    if row.method != "sparse":  # the ceiling is that of class means
        axes.plot(found.ceiling, [y, y], color=NEUTRAL, alpha=0.45, linewidth=9,
                  solid_capstyle="butt", label=names["noise"])  # fmt: skip
    axes.plot(found.alignment, [y] * len(found.alignment), "|", color=colour, markersize=6)
    axes.plot(found.alignment.mean(), y, "o", color=colour, markersize=6, mec=PAPER, mew=0.7)
    axes.plot(found.energy_weighted.mean(), y - BESIDE, ">", color=colour, mfc=PAPER, markersize=5,
              ls="", label=names["energy"])  # fmt: skip


def _draw_retained(axes: Axes, y: int, row: PortableRow) -> None:
    retained, colour = row.found.retained, COLOURS[row.method]
    if retained.value is None or retained.interval is None:
        axes.annotate("undefined", (0, y), xytext=(4, 0), textcoords="offset points",
                      va="center", color=MUTED, fontsize=7.5)  # fmt: skip
        return
    ends = [value for value in retained.interval if np.isfinite(value)]
    axes.plot(ends, [y] * len(ends), color=colour, linewidth=2.2, solid_capstyle="round")
    axes.plot(retained.value, y, "o", color=colour, markersize=6, mec=PAPER, mew=0.7)


def _include(axes: Axes, low: float, high: float) -> None:
    now = axes.get_xlim()
    axes.set_xlim(min(now[0], low), max(now[1], high))


def published_rows(
    rows: Sequence[PortableRow], paper: PublishedStudy | None
) -> list[PublishedPortability | None]:
    """Table 4's row for each: of the same method and as many layers after the chosen one."""
    if paper is None:
        return [None] * len(rows)
    seen: dict[str, int] = {}
    found: list[PublishedPortability | None] = []
    for row in rows:
        place = seen.get(row.method, 0)
        seen[row.method] = place + 1
        found.append(paper.portability_at(row.method, place))
    return found
