"""Curves over time slices or layers, in the look of the reports."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jepakit.evals.figures.style import NEUTRAL, PALETTE, WIDTH, new_figure, styled


@styled
def slice_curves(
    curves: Mapping[str, Float[np.ndarray, " s"]],
    *,
    ylabel: str,
    first: int = 0,
    xlabel: str = "time slice",
    grey: str | None = None,
) -> Figure:
    """One value per time slice.

    Args:
        curves: by name; NaN leaves a gap.
        ylabel: what the values are.
        first: number of the first slice.
        xlabel: what the slices are.
        grey: name of the curve that is a baseline.
    """
    figure = new_figure(WIDTH, 2.5, pad=0.06)
    axes = figure.subplots()
    colours = cycle(PALETTE)
    for name, values in curves.items():
        colour = NEUTRAL if name == grey else next(colours)
        place = np.arange(first, first + len(values))
        axes.plot(place, values, "o-", color=colour, label=name, markersize=4)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(curves) > 1:
        axes.legend()
    return figure
