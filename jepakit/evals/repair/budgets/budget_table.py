"""Rescue by budget, shape and group of sites as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jepakit.evals.pages.report import Table
from jepakit.evals.repair.advantage import mean_interval
from jepakit.evals.repair.budgets.footprints import ASPECTS
from jepakit.evals.repair.budgets.token_budgets import BudgetMeasure
from jepakit.evals.repair.value_text import interval_text
from jepakit.evals.statistics import Interval

ROUGH = "too few scenes"
SHAPES = (
    f"Elongated: sides of 1 to {ASPECTS['elongated']:g}, lying or standing. Both footprints hide "
    "as many tokens as of the object, none of which it touches, wherever such a rectangle is free: "
    "images without room are left out of that row alone, so that rows of different counts are of "
    "different images."
)


def scene_interval(values: np.ndarray, groups: np.ndarray) -> Interval | None:
    """Mean with its interval over scenes; None where there is one."""
    return mean_interval(values, groups) if len(np.unique(groups)) > 1 else None


def budget_table(model: str, measures: Sequence[BudgetMeasure]) -> Table:
    """A row for every budget and shape."""
    groups = list(measures[0].rescue)
    rows = []
    for m in measures:
        cells = [_cell(m.base, m.groups), *(_cell(m.rescue[g], m.groups) for g in groups)]
        hidden = f"{m.tokens.mean():.1f}"
        rows.append([m.name, f"{m.budget:.0%}", hidden, f"{len(m.keys)}", *cells])
    caption = (
        f"{model}: late context drift and what clean visible tokens at groups of sites take back, "
        f"with 95 % intervals over scenes. {SHAPES}"
    )
    header = ["hidden", "budget", "tokens", "images", "drift", *groups]
    return Table(header, rows, caption)


def _cell(values: np.ndarray, groups: np.ndarray) -> str:
    own = scene_interval(values, groups)
    return ROUGH if own is None else interval_text(own)
