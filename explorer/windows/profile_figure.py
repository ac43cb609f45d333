"""How much each shared slice differs between the windows, encoder by encoder."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from explorer.windows.window_comparison import WindowComparison
from jepakit.evals.figures.style import MARKERS, PALETTE, WIDTH, new_figure, styled


@styled
def profile_figure(comparisons: Mapping[str, WindowComparison]) -> Figure:
    """Mean absolute difference, the same in standard deviations, and lost cosine, by slice.

    Encoders differ in the size of their values: compare the second and third panel, and in the
    first the shape of the curves.

    Args:
        comparisons: of the same windows by the name of the encoder, say trained and untrained.

    Raises:
        ValueError: nothing to draw, or other windows.
    """
    windows = {comparison.windows for comparison in comparisons.values()}
    if len(windows) != 1:
        raise ValueError(f"Profiles are of the same windows of a clip, came {windows or 'none'}.")
    curves = {
        "mean |difference|": {name: c.profile for name, c in comparisons.items()},
        "in standard deviations": {name: c.relative_profile for name, c in comparisons.items()},
        # Cosines of 0.9999 could not be told apart.
        "1 - mean cosine": {n: (1 - c.cosine_profile).clip(min=0) for n, c in comparisons.items()},
    }
    figure = new_figure(WIDTH, 2.5, pad=0.06)
    for axes, (title, panel) in zip(figure.subplots(1, 3), curves.items(), strict=True):
        axes.set_title(title)
        looks = zip(cycle(PALETTE), cycle(MARKERS), panel.items(), strict=False)
        for colour, marker, (name, values) in looks:
            numbers = np.arange(1, len(values) + 1)
            axes.plot(numbers, values, color=colour, marker=marker, markersize=3.5, label=name)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("shared slice")
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=len(names))
    return figure
