"""The differences to the reference row, a panel per column, beside those of the paper."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jepakit.evals.figures.style import (
    BAND,
    INK,
    MUTED,
    NEUTRAL,
    PALETTE,
    PAPER,
    WIDTH,
    new_figure,
    styled,
)
from jepakit.evals.tables.definition import Column, Row
from jepakit.evals.tables.result import TableResult

ACROSS = 3  # panels side by side, at most
COLOURS = {"yes": PALETTE[2], "no": PALETTE[1], "open": NEUTRAL, None: PALETTE[0]}
MEANING = {
    "yes": "sign as in the paper or as expected",
    "no": "the other sign",
    "open": "interval includes 0",
    None: "nothing expected",
}


@styled
def difference_figure(result: TableResult) -> Figure:
    """A line per row and a panel per measured column; hollow diamonds are the paper's.

    Raises:
        ValueError: no row can be compared.
    """
    columns = [c for c in result.table.columns if _compared(result, c)]
    if not columns:
        raise ValueError("No differences to draw.")
    rows = [row for row in result.table.rows if row.identity != result.table.reference]
    bands = -(-len(columns) // ACROSS)
    across = -(-len(columns) // bands)
    figure = new_figure(WIDTH, bands * (0.6 + 0.27 * len(rows)) + 0.5)
    grid = figure.subplots(bands, across, squeeze=False, sharey=True)
    for number, axes in enumerate(grid.ravel()):
        if number < len(columns):
            _draw(axes, result, columns[number], rows, named=number % across == 0)
        else:
            axes.set_axis_off()
    _legend(figure, grid[0, 0])
    return figure


def _draw(axes: Axes, result: TableResult, column: Column, rows: list[Row], *, named: bool) -> None:
    for line in range(0, len(rows), 2):
        axes.axhspan(line - 0.5, line + 0.5, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=MUTED, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    for y, row in enumerate(rows):
        cell = result.cells[row.identity, column.identity]
        if cell.paper_difference is not None:
            axes.plot(
                cell.paper_difference, y, marker="D", markersize=4.5, color=INK, mfc=PAPER, ls=""
            )
        if cell.difference is None:
            continue
        colour, gap = COLOURS[cell.reproduced], cell.difference
        axes.plot([gap.low, gap.high], [y, y], color=colour, linewidth=2, solid_capstyle="round")
        axes.plot(gap.estimate, y, marker="o", markersize=5, color=colour, mec=PAPER, mew=0.7)
    higher = result.metrics[column.identity][1]
    axes.set_title(textwrap.fill(column.title, 26), fontsize=8.5)
    axes.set_xlabel("right is better" if higher else "left is better")
    axes.locator_params(axis="x", nbins=5)
    if named:
        names = [textwrap.shorten(row.name, 40, placeholder="…") for row in rows]
        axes.set_yticks(range(len(rows)), labels=names, color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")


def _legend(figure: Figure, axes: Axes) -> None:
    handles = [
        axes.plot([], [], marker="o", color=colour, linewidth=2, label=MEANING[name])[0]
        for name, colour in COLOURS.items()
    ]
    mark = axes.plot(
        [], [], marker="D", color=INK, mfc=PAPER, ls="", label="the paper's difference"
    )
    figure.legend(handles=[*handles, *mark], loc="outside upper left", ncols=3, handletextpad=0.4)


def _compared(result: TableResult, column: Column) -> bool:
    return any(
        cell.difference is not None
        for (_, name), cell in result.cells.items()
        if name == column.identity
    )
