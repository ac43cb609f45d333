"""How well latents are predicted over the steps ahead, beside controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from jepakit.evals.figures.style import MARKERS, NEUTRAL, PALETTE, WIDTH, new_figure, styled
from jepakit.evals.statistics import Interval

SHIFT = 0.06  # of neighbouring predictors, so that their intervals do not cover each other


@styled
def prediction_figure(
    metrics: Mapping[str, Mapping[str, Sequence[Interval]]], steps: Sequence[int]
) -> Figure:
    """A panel per metric and a curve with intervals per predictor.

    Args:
        metrics: an interval per number of steps, by predictor, by the metric's name.
        steps: how far ahead.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not metrics or not steps:
        raise ValueError("No predictions to draw.")
    figure = new_figure(WIDTH, 2.9)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, (title, predictors) in zip(panels, metrics.items(), strict=True):
        colours = (PALETTE[0], NEUTRAL, *PALETTE[1:])
        for number, (name, intervals) in enumerate(predictors.items()):
            places = np.arange(len(steps)) + SHIFT * (number - (len(predictors) - 1) / 2)
            middle = np.array([interval.estimate for interval in intervals])
            low = np.array([interval.low for interval in intervals])
            high = np.array([interval.high for interval in intervals])
            colour = colours[number % len(colours)]
            axes.vlines(places, low, high, color=colour, linewidth=2)
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(places, middle, color=colour, marker=marker, markersize=5, label=name)
        axes.set_title(title)
        axes.set_xlabel("steps ahead")
        axes.set_xticks(np.arange(len(steps)), labels=[str(step) for step in steps])
        axes.set_xlim(-0.3, len(steps) - 0.7)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=len(names))
    return figure
