"""Agents on the same tasks as rows of a table, on the terminal and in reports."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy.stats import binomtest

HEADER = ("agent", "solved", "mean steps", "ms per step", "against the first", "failed")
NOTE = (
    "Solved: with Wilson intervals of 95 %. Mean steps: of the solved tasks. Time: of deciding, "
    "per step and episode. Against the first: exact McNemar test on the same tasks, and whether "
    "the intervals share a value. Failed: environments that raised an error; such tasks are not "
    "solved."
)


def planning_rows(facts: dict[str, Any]) -> list[list[str]]:
    """A row per agent below :data:`HEADER`; intervals and notes stand below a line break.

    Args:
        facts: as in ``results.json``.
    """
    return [_row(agent) for agent in facts["agents"]]


def print_planning(facts: dict[str, Any], console: Console | None = None) -> None:
    """Print the table, and what environments failed with."""
    console = console or Console()
    options = facts["options"]
    title = f"{options['environment']}: {options['episodes']} tasks, at most "
    table = Table(title=f"{title}{options['max_steps']} steps", title_justify="left")
    for number, name in enumerate(HEADER):
        table.add_column(name, justify="right" if number else "left", no_wrap=name == "solved")
    for row in planning_rows(facts):
        # Text, not str: rich would read an interval's brackets as markup.
        table.add_row(*(Text(cell) for cell in row), end_section=True)
    console.print(table)
    for agent in facts["agents"]:
        for failed in agent["failed_environments"][:5]:
            text = f"{agent['agent']}, {failed['task']}: {failed['error']}"
            console.print(f"Environment failed: {text}", markup=False)
    console.print(NOTE, style="dim", markup=False)


def write_results(out: Path, facts: dict[str, Any]) -> Path:
    """Write the facts into ``results.json``, with null for NaN and infinity."""
    path = out / "results.json"
    path.write_text(json.dumps(finite(facts), indent=2, allow_nan=False) + "\n")
    return path


def solved_shares(
    agent: dict[str, Any], max_steps: int
) -> tuple[Float[ndarray, " k"], Float[ndarray, " k"], Float[ndarray, " k"]]:
    """Share of the tasks solved within 0, 1, ... ``max_steps`` steps; and its Wilson bounds, 95 %.

    Args:
        agent: one of ``facts["agents"]``.
        max_steps: most steps of an episode.
    """
    episodes = agent["per_episode"]
    needed = np.array([e["steps"] if e["success"] else math.inf for e in episodes])
    rows = []
    for steps in range(max_steps + 1):
        test = binomtest(int((needed <= steps).sum()), len(episodes))
        bounds = test.proportion_ci(0.95, method="wilson")
        rows.append((test.statistic, bounds.low, bounds.high))
    share, low, high = np.array(rows, dtype=np.float64).T
    return share, low, high


def finite(value: Any) -> Any:
    """The same nested value with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _row(agent: dict[str, Any]) -> list[str]:
    low, high = agent["wilson_95"]
    solved = [episode["steps"] for episode in agent["per_episode"] if episode["success"]]
    against = ""
    if "mcnemar_p" in agent:
        apart = "disjoint" if agent["disjoint"] else "overlap"
        against = f"{_p_value(agent['mcnemar_p'])}\n{apart}"
    return [
        agent["agent"],
        f"{agent['success_rate']:.1%}".replace("%", " %")
        + f"\n[{100 * low:.1f}, {100 * high:.1f}]",
        f"{np.mean(solved):.1f}" if solved else "",
        f"{agent['ms_per_step']:.2f}",
        against,
        str(len(agent["failed_environments"])),
    ]


def _p_value(value: float) -> str:
    return "p < 0.0001" if value < 1e-4 else f"p = {value:.4f}"
