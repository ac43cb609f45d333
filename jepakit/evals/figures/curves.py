"""How losses and other logged values went over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jepakit.evals.figures.style import PALETTE, WIDTH, new_figure, styled

Column = Sequence[int] | Sequence[float] | np.ndarray
Points = tuple[Column, Column]


def running_mean(values: Float[np.ndarray, " n"], window: int) -> Float[np.ndarray, " n"]:
    """Mean of the neighbours within ``window // 2`` on both sides, as many as there are."""
    reach = window // 2
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    low, high = np.maximum(place - reach, 0), np.minimum(place + reach + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)


@styled
def training_curves(panels: Mapping[str, Mapping[str, Points]], *, columns: int = 2) -> Figure:
    """One panel per title, each with its curves by name; a running mean over long ones.

    Values that are not finite leave a gap in the raw curve and no trace in the mean.

    Args:
        panels: curves as optimizer steps and values, by name, by title.
        columns: panels beside each other at most.

    Raises:
        ValueError: nothing to draw.
    """
    if not panels:
        raise ValueError("No curves to draw: the log holds no values yet.")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(WIDTH, 2.15 * rows, pad=0.09)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, curves) in zip(grid, panels.items(), strict=False):
        axes.set_title(title)
        for colour, (name, (steps, values)) in zip(cycle(PALETTE), curves.items(), strict=False):
            x, y = np.asarray(steps, dtype=float), np.asarray(values, dtype=float)
            finite = np.isfinite(y)
            window = len(y[finite]) // 25
            if window > 1:
                axes.plot(x, y, color=colour, alpha=0.25, linewidth=0.9)
            axes.plot(x[finite], running_mean(y[finite], window), color=colour, label=name)
        if len(curves) > 1:
            axes.legend()
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.margins(x=0.01)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[max(len(panels) - columns, 0) : len(panels)]:
        axes.set_xlabel("optimizer step")
    return figure
