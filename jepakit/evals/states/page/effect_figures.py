"""What interventions do: effects beside controls, patching, steering, and permuted labels."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
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
    WIDTH,
    new_figure,
    styled,
)
from jepakit.evals.states.page.layer_names import short_name
from jepakit.evals.states.page.paper_values import PublishedStudy
from jepakit.evals.states.page.ratio_text import readable_ratio
from jepakit.evals.states.result import EffectRow, StudyResult
from jepakit.evals.statistics import Interval

FOUND = PALETTE[0]
DASHED = (0, (4, 3))
BELOW = 0.27  # where the paper's mark does not cover ours
TITLES = {
    "causal": "found subspace",
    "random": "random directions",
    "early": "its directions at an early layer",
    "equal_norm": "equal norm, other direction",
    "shuffled": "subspace of shuffled labels",
    "rotated": "random among leading axes",
    "energy": "random, same variance",
}
"""What interventions are called, by the name of their row."""
PATCHES = {
    "causal": "found subspace",
    "random": "random subspace",
    "whole": "whole vector",
    "nothing": "nothing",
}


@styled
def effects_figure(result: StudyResult, paper: PublishedStudy | None = None) -> Figure:
    """Causal effect of the found subspace and of every control; hollow diamonds are the paper's."""
    rows = result.rows
    figure = new_figure(WIDTH, 0.85 + 0.34 * len(rows))
    axes = figure.subplots()
    _draw_stripes(axes, len(rows))
    axes.axvline(0, color=MUTED, linewidth=1)
    ceiling = result.before - result.chance
    axes.axvline(
        ceiling, color=MUTED, linestyle=DASHED, linewidth=1, label="effect of a uniform answer"
    )
    for y, row in enumerate(rows):
        _draw_row(axes, y, row)
        theirs = paper.effects.get(row.name) if paper else None
        if theirs and theirs.effect is not None:
            name = f"paper ({paper.model})" if paper and row.name == "causal" else None
            axes.plot(
                theirs.effect,
                y + BELOW,
                "D",
                color=INK,
                mfc=PAPER,
                markersize=4.5,
                ls="",
                label=name,
            )
        _annotate_right(axes, y, readable_ratio(row.ratio).split("\n")[0])
    axes.set_yticks(range(len(rows)), labels=[_title(row) for row in rows], color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("causal effect: fall of the true class's probability")
    axes.annotate(
        "found / control", (1, 1), xytext=(8, 3), xycoords="axes fraction", color=MUTED,
        textcoords="offset points", fontsize=7.5,
    )  # fmt: skip
    figure.legend(loc="outside upper left", ncols=3)
    return figure


@styled
def patching_figure(success: Mapping[str, Interval], paper: PublishedStudy | None = None) -> Figure:
    """Share of patched clips that take the donor's class, by what was patched.

    Raises:
        ValueError: nothing was patched.
    """
    shown = {title: success[name] for name, title in PATCHES.items() if name in success}
    if not shown:
        raise ValueError("No patching to draw.")
    figure = new_figure(WIDTH, 0.75 + 0.32 * len(shown))
    axes = figure.subplots()
    for y, (title, one) in enumerate(shown.items()):
        colour = FOUND if title == PATCHES["causal"] else NEUTRAL
        axes.barh(y, one.estimate, height=0.62, color=colour, linewidth=0)
        axes.plot([one.low, one.high], [y, y], color=INK, linewidth=1.4, solid_capstyle="round")
        _annotate_right(axes, y, f"{one.estimate:.3f}")
    if paper and paper.success is not None:
        label = f"paper ({paper.model})"
        axes.plot(paper.success, 0, "D", color=INK, mfc=PAPER, markersize=5, ls="", label=label)
        figure.legend(loc="outside upper left")
    axes.set_yticks(range(len(shown)), labels=list(shown), color=INK)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of trials that take the donor's class")
    return figure


@styled
def steering_figure(steering: Mapping[str, Mapping[float, Interval]]) -> Figure:
    """Effect of scaling the found subspace by alpha, against random ones.

    Raises:
        ValueError: nothing was steered.
    """
    if not steering:
        raise ValueError("No steering to draw.")
    figure = new_figure(WIDTH, 2.9)
    axes = figure.subplots()
    axes.axhline(0, color=MUTED, linewidth=1)
    axes.axvline(1, color=MUTED, linestyle=DASHED, linewidth=1)
    for name, swept in steering.items():
        alphas = list(swept)
        colour, marker = (FOUND, "o") if name == "causal" else (NEUTRAL, "s")
        low, high = ([getattr(swept[a], end) for a in alphas] for end in ("low", "high"))
        axes.fill_between(alphas, low, high, color=colour, alpha=0.25, linewidth=0)
        values = [swept[a].estimate for a in alphas]
        label = PATCHES.get(name, name)
        axes.plot(alphas, values, color=colour, marker=marker, markersize=4.5, label=label)
    axes.set_xticks(list(dict.fromkeys(a for swept in steering.values() for a in swept)))
    axes.xaxis.set_major_formatter("{x:g}")
    place: Any = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    note = "left as it is"
    axes.annotate(note, (1, 1), xytext=(4, -8), color=MUTED, fontsize=7.5, **place)
    axes.set_xlabel("alpha: the part inside the subspace is scaled by it (0 removes it)")
    axes.set_ylabel("causal effect")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def null_figure(result: StudyResult) -> Figure:
    """Effects of the whole pipeline on permuted labels, and the observed one.

    Raises:
        ValueError: labels were not permuted.
    """
    if not result.null:
        raise ValueError("No permuted labels to draw.")
    figure = new_figure(WIDTH, 2.3)
    axes = figure.subplots()
    effect = result.rows[0].effect
    observed = float("nan") if effect is None else effect.estimate
    ends = np.nanmin([*result.null, 0.0]), np.nanmax([*result.null, observed])
    axes.hist(
        result.null, bins=max(10, min(60, round((ends[1] - ends[0]) / 0.01))), range=ends,
        color=NEUTRAL, linewidth=0, label=f"{len(result.null)} permutations of the labels",
    )  # fmt: skip
    axes.axvline(observed, color=FOUND, linewidth=2.2, label=f"observed {observed:.3f}")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel("causal effect of the whole pipeline")
    axes.set_ylabel("permutations")
    axes.margins(x=0.03)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def _title(row: EffectRow) -> str:
    title = TITLES.get(row.name, row.name)
    return f"{title} ({short_name(row.layer)})" if row.name == "early" else title


def _draw_row(axes: Axes, y: int, row: EffectRow) -> None:
    if row.effect is None:
        why = textwrap.shorten(f"not possible: {row.impossible}", 90, placeholder=" …")
        axes.annotate(
            why, (0, y), xytext=(5, 0), textcoords="offset points", va="center", color=MUTED,
            fontsize=7,
        )  # fmt: skip
        return
    colour = FOUND if row.name == "causal" else PALETTE[1]
    one = row.effect
    axes.plot([one.low, one.high], [y, y], color=colour, linewidth=2.4, solid_capstyle="round")
    axes.plot(one.estimate, y, "o", color=colour, markersize=6, mec=PAPER, mew=0.7)


def _draw_stripes(axes: Axes, rows: int) -> None:
    for row in range(0, rows, 2):
        axes.axhspan(row - 0.5, row + 0.5, color=BAND, linewidth=0, zorder=0)


def _annotate_right(axes: Axes, y: int, text: str) -> None:
    axes.annotate(
        text, (1, y), xytext=(8, 0), xycoords=("axes fraction", "data"), va="center",
        textcoords="offset points", color=INK, fontsize=8, annotation_clip=False,
    )  # fmt: skip
