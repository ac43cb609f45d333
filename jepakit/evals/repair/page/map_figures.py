"""Heat maps: every site of a sweep by block, and rectangles by area and aspect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from jepakit.evals.figures.style import BAND, INK, WIDTH, new_figure, styled
from jepakit.evals.repair.geometry import GeometryCell
from jepakit.evals.repair.page.repair_tables import MODES
from jepakit.evals.repair.site_sweep import SiteSweep
from jepakit.evals.repair.site_tests import SiteTests

RESCUE_MAP, DRIFT_MAP = "PuOr_r", "viridis"
PARTS = {"mlp_hidden": "MLP", "attn": "attention", "v": "values", "resid": "stream"}
ORDER = ("context", "masked", "full")
LIGHT, DARK = "#fefefe", "#101010"  # on cells, the same in both editions
WRITTEN = 8  # blocks up to which a cell has room for its number


@styled
def sweep_figure(swept: Mapping[str, tuple[SiteSweep, SiteTests]]) -> Figure:
    """Rescue by block (across), part and mode (down), on one scale of colours; a panel per model.

    Orange takes drift back, violet adds to it; a dot marks what stays below 0.05 after Holm.

    Raises:
        ValueError: nothing was swept.
    """
    if not swept:
        raise ValueError("No sweep to draw.")
    first = next(iter(swept.values()))[0]
    rows = len(first.parts) * len(ORDER)
    figure = new_figure(WIDTH, 0.4 + (0.55 + 0.22 * rows) * len(swept), pad=0.06)
    grid = figure.subplots(len(swept), 1, squeeze=False)[:, 0]
    reach = max(float(np.abs(sweep.mean).max()) for sweep, _ in swept.values()) or 1e-9
    for axes, (name, (sweep, tests)) in zip(grid, swept.items(), strict=True):
        axes.set_title(name)
        order = [sweep.modes.index(mode) for mode in ORDER if mode in sweep.modes]
        values = sweep.mean[:, :, order].transpose(2, 1, 0).reshape(-1, sweep.mean.shape[0])
        kept = tests.adjusted[:, :, order].transpose(2, 1, 0).reshape(values.shape) <= 0.05
        image = axes.imshow(values, cmap=RESCUE_MAP, vmin=-reach, vmax=reach, aspect="auto")
        names = [f"{PARTS.get(p, p)}, {MODES[sweep.modes[m]]}" for m in order for p in sweep.parts]
        _label_cells(axes, values, kept, reach)
        axes.set_yticks(range(len(names)), labels=names, color=INK, fontsize=7.5)
        for line in range(len(sweep.parts), len(names), len(sweep.parts)):
            axes.axhline(line - 0.5, color=INK, linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(16, integer=True))
        _bare(axes)
    grid[-1].set_xlabel("block")
    _draw_bar(figure, list(grid), image)
    return figure


@styled
def geometry_figure(found: Mapping[str, Sequence[GeometryCell]]) -> Figure:
    """Late context drift by area and aspect of a rectangle, with the block of the onset.

    Raises:
        ValueError: no rectangles.
    """
    if not any(found.values()):
        raise ValueError("No rectangles to draw.")
    columns = min(2, len(found))
    lines = -(-len(found) // columns)
    areas = sorted({c.rectangle.area for cells in found.values() for c in cells})
    aspects = sorted({c.rectangle.aspect for cells in found.values() for c in cells})
    figure = new_figure(WIDTH, 0.25 + (0.7 + 0.36 * len(areas)) * lines, pad=0.06)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    top = max(float(c.late.mean()) for cells in found.values() for c in cells)
    for axes, (name, cells) in zip(grid, found.items(), strict=False):
        values = np.full((len(areas), len(aspects)), np.nan)
        axes.set_facecolor(BAND)  # of rectangles that do not fit
        image = None
        for c in cells:
            place = areas.index(c.rectangle.area), aspects.index(c.rectangle.aspect)
            values[place] = c.late.mean()
            onset = "no onset" if c.onset is None else f"L{c.onset}"
            colour = LIGHT if values[place] < 0.6 * top else DARK
            text = f"{_short(float(values[place]))}\n{onset}"
            axes.text(place[1], place[0], text, color=colour, **_CELL)
        image = axes.imshow(values, cmap=DRIFT_MAP, vmin=0, vmax=top, aspect="auto")
        axes.set_title(name)
        axes.set_yticks(range(len(areas)), labels=[f"{a:.0%}" for a in areas], color=INK)
        labels = [f"{a:g}:1" if a >= 1 else f"1:{1 / a:g}" for a in aspects]
        axes.set_xticks(range(len(aspects)), labels=labels)
        axes.set_xlabel("width : height")
        _bare(axes)
    grid[0].set_ylabel("hidden share of the tokens")
    for axes in grid[len(found) :]:
        axes.set_visible(False)
    if image is not None:
        _draw_bar(figure, list(grid[: len(found)]), image)
    return figure


_CELL: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6.5, "linespacing": 1.1}


def _label_cells(
    axes: Axes, values: Float[np.ndarray, "rows L"], kept: np.ndarray, reach: float
) -> None:
    """Numbers where there is room, and a dot where Holm leaves the site."""
    written = values.shape[1] <= WRITTEN
    for (row, block), value in np.ndenumerate(values):
        dark = abs(value) > 0.6 * reach
        colour = LIGHT if dark else DARK
        if written:
            mark = " •" if kept[row, block] else ""
            axes.text(block, row, f"{_short(value)}{mark}", color=colour, **_CELL)
        elif kept[row, block]:
            axes.plot(block, row, ".", color=colour, markersize=3.5)


def _short(value: float) -> str:
    """Two digits, for a cell."""
    if not value:
        return "0"
    return f"{value:.3f}" if abs(value) >= 0.01 else f"{value:.1e}"


def _draw_bar(figure: Figure, axes: list[Axes], image: AxesImage) -> None:
    """The scale of colours that all panels share."""
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.015)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=7)
    bar.ax.yaxis.set_major_formatter("{x:g}")


def _bare(axes: Axes) -> None:
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
