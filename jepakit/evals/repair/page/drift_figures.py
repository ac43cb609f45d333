"""How far tokens turn when a region is hidden: by block, and image by image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jepakit.evals.figures.style import (
    BAND,
    INK,
    MUTED,
    NEUTRAL,
    PALETTE,
    PAPER,
    RULE,
    WIDTH,
    new_figure,
    styled,
)
from jepakit.evals.repair.images.mask_pictures import BACKGROUND as BLUE
from jepakit.evals.repair.images.mask_pictures import OBJECT as ORANGE
from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT
from jepakit.evals.repair.page.paper_values import PublishedDrift
from jepakit.evals.repair.repair_result import ModelRepair, RepairResult
from jepakit.evals.statistics import Resampling
from jepakit.interp.drift import ONSET

COLOURS = {OBJECT: ORANGE, BACKGROUND: BLUE}
DRAWS = 2000


@styled
def drift_figure(result: RepairResult) -> Figure:
    """Drift by block: visible tokens left, hidden ones right; a row per model and slice."""
    rows = len(result.found)
    figure = new_figure(WIDTH, 0.5 + 1.95 * rows, pad=0.06)
    grid = figure.subplots(rows, 2, squeeze=False)
    for axes, ((model, name), one) in zip(grid, result.found.items(), strict=True):
        axes[0].set_title(_named(model, name, result))
        for place, tokens in zip(axes, ("context", "masked"), strict=True):
            _draw_curves(place, one, tokens)
        axes[0].set_ylabel("drift of visible tokens")
        axes[1].set_ylabel("drift of hidden tokens")
        _draw_onset(axes[0], one)
    for axes in grid[-1]:
        axes.set_xlabel("block")
    handles = dict(
        zip(*reversed(grid[0, 0].get_legend_handles_labels()), strict=True)  # the same in all
    )
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=4)
    return figure


@styled
def advantage_figure(
    result: RepairResult, paper: Mapping[tuple[str, str], PublishedDrift | None]
) -> Figure:
    """Late context drift of every image, object beside background, and their difference.

    Args:
        result: the study.
        paper: the paper's values to draw beside, by model and slice.
    """
    rows = len(result.found)
    figure = new_figure(WIDTH, 0.95 + 0.72 * rows, pad=0.05)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.5, 1))
    for axes in (left, right):
        for row in range(0, rows, 2):
            axes.axhspan(row - 0.5, row + 0.5, color=BAND, linewidth=0, zorder=0)
    right.axvline(0, color=MUTED, linewidth=1)
    for y, (key, one) in enumerate(result.found.items()):
        _draw_pairs(left, y, one, first=y == 0)
        _draw_advantage(right, y, one, first=y == 0)
        if theirs := paper.get(key):
            named = not any(line.get_label() == "paper" for line in right.lines)
            look = {"color": INK, "mfc": PAPER, "markersize": 5, "ls": ""}
            right.plot(theirs.advantage, y + 0.3, "D", label="paper" if named else None, **look)
            left.plot([theirs.object, theirs.background], [y - 0.3, y + 0.3], "D", **look)
    names = [_named(*key, result) for key in result.found]
    left.set_yticks(range(rows), labels=names, color=INK)
    left.set_ylim(rows - 0.5, -0.5)
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5 if axes is left else 3))
        axes.xaxis.set_major_formatter("{x:g}")
    left.set_xlabel("late context drift, a line per image")
    right.set_xlabel("object minus background")
    figure.legend(loc="outside upper left", ncols=6, handletextpad=0.3, columnspacing=1.2)
    return figure


def curve_band(
    values: Float[np.ndarray, "L n"], *, seed: int = 0
) -> tuple[Float[np.ndarray, " L"], Float[np.ndarray, " L"]]:
    """95 % percentile bootstrap of the mean over images after every block."""
    rng = np.random.default_rng(seed)
    counts = Resampling.of_items(values.shape[1], draws=DRAWS, rng=rng).counts
    low, high = np.quantile(counts @ values.T / values.shape[1], [0.025, 0.975], axis=0)
    return low, high


def _named(model: str, name: str, result: RepairResult) -> str:
    return f"{model}, {name}" if len(result.slices) > 1 else model


def _draw_curves(axes: Axes, one: ModelRepair, tokens: str) -> None:
    blocks = np.arange(one.depth)
    axes.axvspan(one.late[0] - 0.5, one.late[-1] + 0.5, color=BAND, linewidth=0, zorder=0)
    for region, colour in COLOURS.items():
        values = getattr(one.drift[region], tokens)
        if values.shape[1] > 1:
            axes.fill_between(blocks, *curve_band(values), color=colour, alpha=0.2, linewidth=0)
        dots = "o" if one.depth <= 12 else ""
        axes.plot(
            blocks, values.mean(axis=1), color=colour, marker=dots, markersize=4,
            label=f"{region} hidden",
        )  # fmt: skip
    axes.set_xlim(-0.5, one.depth - 0.5)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter("{x:g}")


def _draw_onset(axes: Axes, one: ModelRepair) -> None:
    """The threshold where it is in sight, and a triangle at the block after which it is passed."""
    top = axes.get_ylim()[1]
    if top > ONSET / 3:
        label = f"onset at {ONSET:g}"
        axes.axhline(ONSET, color=MUTED, linestyle=(0, (4, 3)), linewidth=1, label=label)
    else:
        note = f"onset at {ONSET:g} is out of sight above"
        axes.annotate(
            note, (0, 1), xytext=(4, -8), xycoords="axes fraction", textcoords="offset points",
            color=MUTED, fontsize=7,
        )  # fmt: skip
    for region, colour in COLOURS.items():
        block = one.onset[region]
        if block is not None:
            y = one.drift[region].context[block].mean()
            axes.plot(block, y, "v", color=colour, markersize=8, mec=PAPER, mew=0.8, zorder=4)


def _draw_pairs(axes: Axes, y: int, one: ModelRepair, *, first: bool) -> None:
    values = {region: one.drift[region].late(one.late) for region in COLOURS}
    ends = {OBJECT: y - 0.17, BACKGROUND: y + 0.17}
    lines = np.stack([values[OBJECT], values[BACKGROUND]])
    axes.plot(lines, [[ends[OBJECT]], [ends[BACKGROUND]]] * np.ones_like(lines), color=RULE, lw=0.8)
    for region, colour in COLOURS.items():
        ys = np.full(len(values[region]), ends[region])
        axes.plot(values[region], ys, "o", color=colour, markersize=2.6, alpha=0.55, mew=0)
        label = f"{region} hidden, mean" if first else None
        axes.plot(
            values[region].mean(), ends[region], "|", color=colour, markersize=15, mew=2.6,
            label=label,
        )  # fmt: skip


def _draw_advantage(axes: Axes, y: int, one: ModelRepair, *, first: bool) -> None:
    a = one.advantage
    own = a.difference
    if a.clustered is not None:
        label = "95 % over classes" if first else None
        axes.plot(
            [a.clustered.low, a.clustered.high], [y + 0.17] * 2, color=NEUTRAL, lw=1.6, label=label
        )
    label = "95 % over images" if first else None
    axes.plot([own.low, own.high], [y, y], color=PALETTE[2], lw=2.6, label=label)
    axes.plot(own.estimate, y, "o", color=PALETTE[2], markersize=6, mec=PAPER, mew=0.7)
    axes.annotate(
        f"{a.wins}/{a.images}", (1, y), xycoords=("axes fraction", "data"), xytext=(6, 0),
        textcoords="offset points", va="center", color=INK, fontsize=8, annotation_clip=False,
    )  # fmt: skip
