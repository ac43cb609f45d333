"""Figure 6: bars of rescue by token budget, a colour for every group of sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jepakit.evals.figures.style import INK, MUTED, NEUTRAL, PALETTE, WIDTH, new_figure, styled
from jepakit.evals.repair.budgets.budget_table import scene_interval
from jepakit.evals.repair.budgets.token_budgets import BudgetMeasure
from jepakit.evals.repair.images.occluded_images import OBJECT

COLOURS = (PALETTE[0], PALETTE[2], PALETTE[1])
BAR = 0.25


@styled
def budget_figure(found: Mapping[str, Sequence[BudgetMeasure]]) -> Figure:
    """A row per model; a column for the object and for each footprint of the background.

    Raises:
        ValueError: nothing was measured.
    """
    if not any(found.values()):
        raise ValueError("No budgets to draw.")
    shapes = list(dict.fromkeys(m.name for measures in found.values() for m in measures))
    figure = new_figure(WIDTH, 0.5 + 1.85 * len(found), pad=0.06)
    grid = figure.subplots(len(found), len(shapes), squeeze=False, sharey="row")
    for row, (model, measures) in zip(grid, found.items(), strict=True):
        for axes, shape in zip(row, shapes, strict=True):
            _draw(axes, [m for m in measures if m.name == shape])
            names = {OBJECT: "object"}
            axes.set_title(names.get(shape, f"{shape} background"), fontsize=8.5)
        row[0].set_ylabel(f"{model}\ndrift taken back", color=INK)
    for axes in grid[-1]:
        axes.set_xlabel("share of the tokens that is hidden")
    handles = dict(zip(*reversed(grid[0, 0].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=4)
    return figure


def _draw(axes: Axes, measures: Sequence[BudgetMeasure]) -> None:
    axes.axhline(0, color=MUTED, linewidth=1)
    for place, m in enumerate(measures):
        for number, (group, values) in enumerate(m.rescue.items()):
            x = place + (number - 1) * BAR
            label = group if place == 0 else None
            height = float(values.mean())
            axes.bar(x, height, BAR * 0.92, color=COLOURS[number % 3], linewidth=0, label=label)
            own = scene_interval(values, m.groups)
            if own is not None:
                axes.plot([x, x], [own.low, own.high], color=INK, linewidth=1)
        mean = float(m.base.mean())
        label = "drift that there is" if place == 0 else None
        ends = [place - 1.6 * BAR, place + 1.6 * BAR]
        axes.plot(ends, [mean, mean], color=NEUTRAL, linewidth=1.4, ls=(0, (3, 2)), label=label)
    axes.set_xticks(np.arange(len(measures)), labels=[f"{m.budget:.0%}" for m in measures])
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter("{x:g}")
