"""What a predictor reads and how far it is off; which block and part carries how much of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from jepakit.evals.figures.style import BAND, INK, PAPER, WIDTH, new_figure, styled
from jepakit.evals.repair.images.occluded_images import OBJECT
from jepakit.evals.repair.page.drift_figures import COLOURS
from jepakit.evals.repair.page.map_figures import DARK, LIGHT, PARTS, RESCUE_MAP, WRITTEN
from jepakit.evals.repair.predictor.carried_errors import CarriedErrors, CarriedSite
from jepakit.evals.repair.predictor.hidden_errors import CONTEXTS, HiddenErrors
from jepakit.evals.repair.predictor.predictor_tables import TITLES
from jepakit.evals.repair.predictor.visible_runs import RUNS
from jepakit.evals.repair.scene_statistics import SceneStatistics
from jepakit.evals.repair.value_text import share_text

COLUMNS = 2
PART_NAMES = PARTS | {"mlp": "MLP"}
RUN_NAMES = {"dropped": "hidden tokens dropped", "filled": "hidden pixels filled"}


@styled
def contexts_figure(found: Mapping[str, HiddenErrors]) -> Figure:
    """Errors by what the predictor reads, with intervals; a panel per model.

    Raises:
        ValueError: no model.
    """
    if not found:
        raise ValueError("No predictor to draw.")
    columns = min(COLUMNS, len(found))
    lines = -(-len(found) // columns)
    figure = new_figure(WIDTH, 0.55 + 1.75 * lines, pad=0.06)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, (model, errors) in zip(grid, found.items(), strict=False):
        _draw_contexts(axes, errors)
        axes.set_title(model)
    for axes in grid[len(found) :]:
        axes.set_visible(False)
    for axes in grid[max(0, len(found) - columns) : len(found)]:
        axes.set_xlabel("loss on hidden tokens")
        axes.tick_params(labelbottom=True)
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=2)
    return figure


@styled
def carried_figure(carried: Mapping[str, CarriedErrors]) -> Figure:
    """Heat maps of the share of the error that each site carries: a row per model, both runs.

    Orange takes error back, violet adds to it; a dot marks what stays below 0.05 after Holm.

    Raises:
        ValueError: no model.
    """
    if not carried:
        raise ValueError("No predictor to draw.")
    first = next(iter(carried.values())).sites
    parts = list(dict.fromkeys(site.part for site in first))
    height = 0.5 + (0.6 + 0.26 * len(parts)) * len(carried)
    figure = new_figure(WIDTH, height, pad=0.06)
    grid = figure.subplots(len(carried), len(RUNS), squeeze=False, sharey=True)
    reach = max(abs(site.share) for one in carried.values() for site in one.sites) or 1e-9
    for row, (model, one) in zip(grid, carried.items(), strict=True):
        for axes, run in zip(row, RUNS, strict=True):
            image = _draw_sites(axes, [site for site in one.sites if site.run == run], parts, reach)
        row[0].set_title(f"{model}: {RUN_NAMES[RUNS[0]]}", fontsize=8.5)
        row[1].set_title(RUN_NAMES[RUNS[1]], fontsize=8.5)
    for axes in grid[-1]:
        axes.set_xlabel("block")
    bar = figure.colorbar(image, ax=list(grid.ravel()), fraction=0.03, pad=0.015)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=7)
    bar.ax.yaxis.set_major_formatter(lambda value, _: share_text(value))
    return figure


def _draw_contexts(axes: Axes, errors: HiddenErrors) -> None:
    scenes = SceneStatistics(errors.groups)
    for y, name in enumerate(CONTEXTS):
        if y % 2 == 0:
            axes.axhspan(y - 0.5, y + 0.5, color=BAND, linewidth=0, zorder=0)
        for region, colour in COLOURS.items():
            own = scenes.mean(errors.regions[region].contexts[name].error)
            shifted = y + (-0.15 if region == OBJECT else 0.15)
            axes.plot([own.low, own.high], [shifted] * 2, color=colour, lw=2, alpha=0.55)
            label = f"{region} hidden" if y == 0 else None
            look: Any = {"color": colour, "markersize": 6, "mec": PAPER, "mew": 0.7, "ls": ""}
            axes.plot(own.estimate, shifted, "o", label=label, **look)
    axes.set_yticks(range(len(CONTEXTS)), labels=list(TITLES.values()), color=INK)
    axes.set_ylim(len(CONTEXTS) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter("{x:g}")


def _draw_sites(axes: Axes, sites: list[CarriedSite], parts: list[str], reach: float) -> AxesImage:
    depth = max(site.block for site in sites) + 1
    values = np.zeros((len(parts), depth))
    for site in sites:
        row = parts.index(site.part)
        values[row, site.block] = site.share
        colour = LIGHT if abs(site.share) > 0.6 * reach else DARK
        kept = site.adjusted <= 0.05
        if depth <= WRITTEN:
            text = f"{share_text(site.share)}{' •' if kept else ''}"
            axes.text(site.block, row, text, color=colour, ha="center", va="center", fontsize=6.5)
        elif kept:
            axes.plot(site.block, row, ".", color=colour, markersize=3.5)
    image = axes.imshow(values, cmap=RESCUE_MAP, vmin=-reach, vmax=reach, aspect="auto")
    axes.set_yticks(range(len(parts)), labels=[PART_NAMES.get(p, p) for p in parts], color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image
