"""Where in the network a variable can be read: accuracy of probes by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jepakit.evals.figures.style import (
    INK,
    MARKERS,
    MUTED,
    PALETTE,
    PAPER,
    WIDTH,
    new_figure,
    styled,
)
from jepakit.evals.states.page.layer_names import place_of_block, tick_names
from jepakit.evals.states.page.paper_values import PublishedStudy
from jepakit.evals.states.result import StudyResult

DENSE, SPARSE = PALETTE[0], PALETTE[1]
DASHED = (0, (4, 3))


@styled
def accuracy_figure(result: StudyResult, paper: PublishedStudy | None = None) -> Figure:
    """Dense and sparse probes by layer with chance, the chosen layers, and the paper's points.

    Where there are sparse probes, their share of used dimensions stands in a panel below.
    """
    several = bool(result.sparse)
    figure = new_figure(WIDTH, 4.1 if several else 3.0)
    panels = figure.subplots(
        2 if several else 1, 1, sharex=True, squeeze=False, height_ratios=[3, 1.1][: 1 + several]
    )[:, 0]
    axes = panels[0]
    _draw_curve(axes, result, "dense probe, ± 1 SE over folds", DENSE)
    if several:
        _draw_sparse(axes, panels[1], result, paper)
    if paper:
        points = _placed(paper.dense, paper, result)
        _draw_paper(axes, points, "D", INK, f"paper ({paper.model}), dense")
    _draw_chosen(axes, result)
    _finish(axes, result.chance)
    _name_layers(panels[-1], result.layers)
    figure.legend(loc="outside upper left", ncols=3)
    return figure


@styled
def accuracy_comparison(results: Mapping[str, StudyResult]) -> Figure:
    """Curves of several studies; over relative depth where their layers differ.

    Raises:
        ValueError: there is none.
    """
    if not results:
        raise ValueError("No studies to compare.")
    figure = new_figure(WIDTH, 3.0)
    axes = figure.subplots()
    first = next(iter(results.values()))
    alike = all(one.layers == first.layers for one in results.values())
    for i, (name, result) in enumerate(results.items()):
        n = len(result.layers)
        x = np.arange(float(n)) if alike else np.linspace(0, 1, n)
        colour = PALETTE[i % len(PALETTE)]
        width = 1.6 + 1.2 * (len(results) - 1 - i)  # the first shows below those that cover it
        marker = MARKERS[i % len(MARKERS)]
        _draw_curve(axes, result, name, colour, marker=marker, x=x, width=width)
    for chance in sorted({one.chance for one in results.values()}):
        _finish(axes, chance)
    if alike:
        _name_layers(axes, first.layers)
    else:
        axes.set_xlabel("depth, first layer probed to last")
    figure.legend(loc="outside upper left", ncols=min(3, len(results)))
    return figure


def _draw_curve(
    axes: Axes,
    result: StudyResult,
    name: str,
    colour: str,
    *,
    marker: str = "o",
    x: Float[np.ndarray, " layers"] | None = None,
    width: float = 1.6,
) -> None:
    """Mean over folds and a band of one standard error."""
    mean, folds = result.accuracy.mean(axis=1), result.accuracy.shape[1]
    x = np.arange(float(len(mean))) if x is None else x
    error = result.accuracy.std(axis=1, ddof=1) / np.sqrt(folds) if folds > 1 else 0.0
    low, high = np.clip(mean - error, 0, 1), np.clip(mean + error, 0, 1)
    axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.plot(x, mean, color=colour, marker=marker, markersize=3.5, label=name, linewidth=width)


def _draw_sparse(
    axes: Axes, below: Axes, result: StudyResult, paper: PublishedStudy | None
) -> None:
    x = [result.layers.index(one.layer) for one in result.sparse]
    for place, one in zip(x, result.sparse, strict=True):
        ends = [one.accuracy - one.standard_error, min(1.0, one.accuracy + one.standard_error)]
        axes.plot([place, place], ends, color=SPARSE, linewidth=1.2)
    mark: Any = {"color": SPARSE, "marker": "s", "markersize": 4.5, "linestyle": ":"}
    axes.plot(x, [s.accuracy for s in result.sparse], **mark, label="sparse probe", linewidth=1)
    below.plot(x, [s.used / s.width for s in result.sparse], **mark, linewidth=1)
    below.set_ylabel("dimensions\nused")
    below.set_ylim(0, 1)
    below.yaxis.set_major_locator(MaxNLocator(3))
    below.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    if not paper:
        return
    used = {block: k / d for block, (k, d) in paper.used.items() if block >= 0}
    _draw_paper(axes, _placed(paper.sparse, paper, result), "s", SPARSE, "paper, sparse", size=3.0)
    _draw_paper(below, _placed(used, paper, result), "s", SPARSE, None)


def _placed(
    values: Mapping[int, float], paper: PublishedStudy, result: StudyResult
) -> dict[float, float]:
    return {place_of_block(b, paper.blocks, result.layers): v for b, v in values.items()}


def _draw_paper(
    axes: Axes,
    points: Mapping[float, float],
    marker: str,
    edge: str,
    name: str | None,
    *,
    size: float = 4.5,
) -> None:
    if points:
        mark: Any = {"mfc": PAPER, "markersize": size, "ls": "none", "mew": 1.0, "zorder": 3}
        axes.plot(*zip(*points.items(), strict=True), marker=marker, color=edge, label=name, **mark)


def _draw_chosen(axes: Axes, result: StudyResult) -> None:
    """A line per chosen layer, the thicker the more rounds chose it."""
    counts = Counter(result.chosen)
    for layer, times in counts.items():
        width = 0.8 + 1.2 * times / len(result.chosen)
        axes.axvline(
            result.layers.index(layer), color=PALETTE[2], linewidth=width, alpha=0.6, zorder=1
        )
    axes.plot([], [], color=PALETTE[2], label="where it is intervened")


def _finish(axes: Axes, chance: float) -> None:
    axes.axhline(chance, color=MUTED, linestyle=DASHED, linewidth=1)
    place: Any = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    text = f"chance {chance:.3g}"
    axes.annotate(text, (1, chance), xytext=(-2, 3), ha="right", color=MUTED, fontsize=7.5, **place)
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("held-out accuracy")


def _name_layers(axes: Axes, layers: tuple[str, ...]) -> None:
    places, names = tick_names(layers)
    axes.set_xticks(places, labels=names)
    axes.set_xlabel("layer")
    axes.margins(x=0.02)
