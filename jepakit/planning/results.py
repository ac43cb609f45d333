"""Success rates of agents on the same tasks, with intervals, and everything that made them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import binomtest

from jepakit.planning.closed_loop import Run
from jepakit.planning.episode import Task


@dataclass(frozen=True)
class Rate:
    """A share of successes with its Wilson interval of 95 %."""

    successes: int
    episodes: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share, 0..1."""
        return self.successes / self.episodes

    @classmethod
    def of(cls, successes: int, episodes: int) -> Rate:
        """Of counted episodes.

        Raises:
            ValueError: there are none.
        """
        if episodes < 1:
            raise ValueError("A success rate needs at least 1 episode.")
        interval = binomtest(successes, episodes).proportion_ci(0.95, method="wilson")
        return cls(successes, episodes, float(interval.low), float(interval.high))

    def disjoint(self, other: Rate) -> bool:
        """Whether the intervals have nothing in common."""
        return self.low > other.high or other.low > self.high

    def __str__(self) -> str:
        """Such as ``58.0 % [51.1, 64.6]``."""
        return f"{self.value:.1%} [{100 * self.low:.1f}, {100 * self.high:.1f}]".replace("%", " %")


def rate_of(run: Run) -> Rate:
    """Success rate of an agent; episodes whose environment failed count as failures."""
    return Rate.of(run.successes, len(run.episodes))


def solved_within(run: Run, steps: int) -> int:
    """Episodes that had reached the goal after so many steps."""
    return sum(episode.success and episode.steps <= steps for episode in run.episodes)


def paired_p(run: Run, other: Run) -> float:
    """Exact McNemar test: how likely such a difference is between equals, on the same tasks.

    Raises:
        ValueError: the tasks are not the same.
    """
    pairs = list(zip(run.episodes, other.episodes, strict=True))
    if any(a.key != b.key for a, b in pairs):
        raise ValueError(f"{run.agent} and {other.agent} acted on different tasks.")
    won = sum(a.success and not b.success for a, b in pairs)
    lost = sum(b.success and not a.success for a, b in pairs)
    return float(binomtest(won, won + lost).pvalue) if won + lost else 1.0


def tasks_digest(tasks: Sequence[Task]) -> str:
    """Changes when a start or a goal does."""
    total = hashlib.sha256()
    for task in tasks:
        total.update(task.key.encode())
        for name in sorted(task.options):
            total.update(name.encode())
            total.update(json.dumps(_plain(task.options[name])).encode())
    return total.hexdigest()


def summary(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """What ``results.json`` says of each agent; the first one is held against the others."""
    rows = []
    for run in runs:
        rate = rate_of(run)
        row: dict[str, Any] = {
            "agent": run.agent,
            "successes": rate.successes,
            "episodes": rate.episodes,
            "success_rate": rate.value,
            "wilson_95": [rate.low, rate.high],
            "ms_per_step": 1000 * run.seconds,
            "failed_environments": [
                {"task": e.key, "error": e.error} for e in run.episodes if e.error is not None
            ],
            "per_episode": [
                {"task": e.key, "success": e.success, "steps": e.steps, **e.measures}
                for e in run.episodes
            ],
        }
        if run is not runs[0]:
            row["mcnemar_p"] = paired_p(runs[0], run)
            row["disjoint"] = rate_of(runs[0]).disjoint(rate)
        rows.append(row)
    return rows


def _plain(value: Any) -> Any:
    """Arrays as lists of exact numbers."""
    return value.tolist() if hasattr(value, "tolist") else value
