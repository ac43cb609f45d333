"""What patches take back, and what a linear predictor makes of the stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

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
from jepakit.evals.repair.advantage import mean_interval
from jepakit.evals.repair.images.occluded_images import OBJECT
from jepakit.evals.repair.page.drift_figures import COLOURS
from jepakit.evals.repair.page.paper_values import PublishedRescue
from jepakit.evals.repair.page.repair_tables import patch_name
from jepakit.evals.repair.predictor_proxy import ProxyErrors
from jepakit.evals.repair.repair_measures import RescueMeasure
from jepakit.evals.repair.repair_result import ModelRepair
from jepakit.evals.repair.value_text import drift_text

BOUND = "whole stream"
REACH = 1.25  # bars end at so many base drifts; longer ones are cut and their value written
DASHED = (0, (4, 3))


@styled
def rescue_figure(
    found: Mapping[str, ModelRepair], paper: Mapping[str, PublishedRescue] | None = None
) -> Figure:
    """Bars by patch and control, a column per group of sites, a row per model; one slice.

    Args:
        found: by model, with rescues.
        paper: the paper's values by group, to be drawn on the first row; where the data is the
            same, so that drift is comparable.

    Raises:
        ValueError: nothing was patched.
    """
    shown = {name: one for name, one in found.items() if one.rescues}
    if not shown:
        raise ValueError("No patches to draw.")
    groups = list(dict.fromkeys(m.group for one in shown.values() for m in one.rescues))
    titles = {
        (m.control, m.mode): patch_name(m)
        for one in shown.values()
        for m in one.rescues
        if m.control != BOUND
    }
    figure = new_figure(WIDTH, 0.6 + (0.5 + 0.27 * len(titles)) * len(shown), pad=0.05)
    grid = figure.subplots(len(shown), len(groups), squeeze=False, sharey=True)
    for row, (name, one) in zip(grid, shown.items(), strict=True):
        for axes, group in zip(row, groups, strict=True):
            measures = [m for m in one.rescues if m.group == group]
            _draw_group(axes, one, measures, list(titles))
            sites = next(m for m in measures if not m.control).sites
            axes.set_title(group, fontsize=8.5, pad=14)
            small: Any = {"color": MUTED, "fontsize": 6.2, "transform": axes.transAxes}
            axes.text(0, 1.02, " + ".join(sites), va="bottom", **small)
            axes.set_xlabel("drift taken back")
        row[0].set_yticks(range(len(titles)), labels=list(titles.values()), color=INK)
        row[0].set_ylim(len(titles) - 0.5, -0.5)
        row[0].set_ylabel(name, color=INK, fontweight="bold")
    if paper:
        one = next(iter(shown.values()))
        for axes, group in zip(grid[0], groups, strict=True):
            look = {"color": INK, "mfc": PAPER, "markersize": 5, "ls": ""}
            axes.plot(paper[group].absolute, -0.2, "D", label="paper", **look)
    handles = dict(zip(*reversed(grid[0, 0].get_legend_handles_labels()), strict=True))
    names = sorted(handles, key=lambda name: ("bound" in name, name == "paper"))
    figure.legend([handles[n] for n in names], names, loc="outside upper left", ncols=5)
    return figure


def _draw_group(
    axes: Axes,
    one: ModelRepair,
    measures: Sequence[RescueMeasure],
    patches: Sequence[tuple[str, str]],
) -> None:
    base = {region: float(one.drift[region].late(one.late).mean()) for region in COLOURS}
    reach = REACH * max(base.values())
    axes.axvline(0, color=MUTED, linewidth=1)
    for region, colour in COLOURS.items():
        shift = -0.19 if region == OBJECT else 0.19
        for m in (m for m in measures if m.region == region):
            value = m.found.mean_absolute
            if m.control == BOUND:
                axes.axvline(
                    value, color=colour, linestyle=DASHED, linewidth=1.2,
                    label=f"bound ({region})",
                )  # fmt: skip
                continue
            y = patches.index((m.control, m.mode)) + shift
            shown = float(np.clip(value, -reach, reach))
            faded = 0.45 if m.control else 1.0
            label = f"{region} hidden" if not m.control else None
            axes.barh(y, shown, height=0.36, color=colour, alpha=faded, linewidth=0, label=label)
            if abs(value) > reach:
                _write_inside(axes, shown, y, drift_text(value, signed=True))
                continue
            own = mean_interval(m.found.absolute, np.arange(len(m.found.absolute)))
            ends = np.clip([own.low, own.high], -reach, reach)
            axes.plot(ends, [y, y], color=INK, linewidth=1, solid_capstyle="round")
    axes.set_xlim(-reach, reach)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter("{x:g}")


def _write_inside(axes: Axes, x: float, y: float, text: str) -> None:
    """The value of a bar that is cut."""
    side = 1 if x < 0 else -1
    axes.annotate(
        f"{'◂ ' if x < 0 else ''}{text}{' ▸' if x > 0 else ''}", (x, y), xytext=(3 * side, -0.5),
        textcoords="offset points", ha="left" if x < 0 else "right", va="center", fontsize=6,
        color=INK,
    )  # fmt: skip


@styled
def proxy_figure(errors: Mapping[str, ProxyErrors]) -> Figure:
    """Errors of the linear map beside those of copying, image by image, a panel per model.

    Raises:
        ValueError: no errors.
    """
    if not errors:
        raise ValueError("No predictor to draw.")
    first = next(iter(errors.values()))
    count = 2 + len(first.context)
    figure = new_figure(WIDTH, 0.35 + (0.5 + 0.27 * count) * len(errors), pad=0.05)
    grid = figure.subplots(len(errors), 1, squeeze=False)[:, 0]
    for axes, (name, one) in zip(grid, errors.items(), strict=True):
        rows = {
            "copied, clean": (one.identity, NEUTRAL),
            "linear map, clean": (one.clean, PALETTE[2]),
        }
        for key, values in one.context.items():
            title = "object hidden" if key == "unpatched" else f"patched: {key}"
            rows[title] = (values, COLOURS[OBJECT] if key == "unpatched" else PALETTE[3])
        _draw_errors(axes, rows)
        axes.set_title(name)
    grid[-1].set_xlabel("drift of the prediction from the clean stream after the last block")
    return figure


def _draw_errors(axes: Axes, rows: Mapping[str, tuple[np.ndarray, str]]) -> None:
    for y, (values, colour) in enumerate(rows.values()):
        if y % 2 == 0:
            axes.axhspan(y - 0.5, y + 0.5, color=BAND, linewidth=0, zorder=0)
        axes.plot(
            values, np.full(len(values), y), "o", color=colour, alpha=0.4, markersize=3, mew=0
        )
        own = mean_interval(values, np.arange(len(values)))
        axes.plot([own.low, own.high], [y, y], color=INK, linewidth=1.4)
        axes.plot(own.estimate, y, "o", color=colour, markersize=6.5, mec=PAPER, mew=0.8)
        axes.annotate(
            drift_text(own.estimate), (1, y), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", color=INK, fontsize=8, annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), labels=list(rows), color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
