"""AUCCESS of single tasks and over tasks and folds, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from jepakit.evals.statistics import (
    Counts,
    Distribution,
    Interval,
    Resampling,
    Statistic,
    bootstrap_interval,
)
from worlds.phyre import Status
from worlds.phyre.auccess import MAX_ATTEMPTS


def solved_at(statuses: Sequence[int] | Int[np.ndarray, " s"]) -> int:
    """Number of the first valid attempt that solves, 1 to 100; 0 if none of the first 100 does.

    Invalid actions are no attempts.

    Raises:
        ValueError: a value is no :class:`worlds.phyre.Status`.
    """
    valid = [status for status in map(Status, statuses) if status != Status.INVALID]
    first = valid[:MAX_ATTEMPTS]
    return first.index(Status.SOLVED) + 1 if Status.SOLVED in first else 0


def task_auccess(attempts: Int[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """AUCCESS of each task alone: ``sum_{k >= a} w_k / ln 101 = 1 - ln a / ln 101``.

    ``w_k = ln(k + 1) - ln(k)`` for k = 1..100, and ``a`` is the attempt that solved the task. The
    mean over tasks is the benchmark's AUCCESS (Bakhtin et al. 2019, section 4.2).

    Args:
        attempts: numbers of the solving attempts, 0 for tasks not solved, as :func:`solved_at`.
    """
    solved = (attempts >= 1) & (attempts <= MAX_ATTEMPTS)
    return np.where(solved, 1.0 - np.log(np.maximum(attempts, 1)) / math.log(MAX_ATTEMPTS + 1), 0.0)


def solved_within(attempts: Int[np.ndarray, "r n"], limit: int) -> Float[np.ndarray, " n"]:
    """Share of the repetitions that solve each task within ``limit`` attempts."""
    return ((attempts >= 1) & (attempts <= limit)).mean(axis=0)


@dataclass(frozen=True)
class TaskDraws:
    """The test tasks of all folds, and the bootstrap draws that every agent is judged on.

    A task that is in the test part of several folds comes and goes with all of them.

    Attributes:
        tasks: identity of each item; items are (fold, task) pairs.
        folds: number of the fold of each item.
        resampling: draws of tasks.
    """

    tasks: tuple[str, ...]
    folds: Int[np.ndarray, " n"]
    resampling: Resampling

    @classmethod
    def of(
        cls, tasks: Sequence[str], folds: Sequence[int], *, draws: int, seed: int = 0
    ) -> TaskDraws:
        """Draw.

        Raises:
            ValueError: fewer than two tasks, or no draws.
        """
        resampling = Resampling.of_groups(
            np.asarray(tasks), draws=draws, rng=np.random.default_rng(seed)
        )
        return cls(tuple(tasks), np.asarray(folds, np.int64), resampling)

    def by_fold(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " f"]:
        """Mean of each fold, in ascending order of the folds."""
        return np.array([values[self.folds == fold].mean() for fold in np.unique(self.folds)])

    def over_tasks(self, values: Float[np.ndarray, " n"]) -> Distribution:
        """The mean over folds of their means over tasks, with other tasks drawn."""
        return self.resampling.distribution(mean_of_folds(values, self.folds))

    def over_folds(
        self, values: Float[np.ndarray, " n"], *, confidence: float = 0.95, seed: int = 0
    ) -> Interval | None:
        """Interval of the same mean with other folds drawn; None of a single fold."""
        scores = self.by_fold(values)
        if len(scores) < 2:
            return None
        draws = len(self.resampling.counts)
        resampling = Resampling.of_items(
            len(scores), draws=draws, rng=np.random.default_rng([seed, 1])
        )
        return bootstrap_interval(
            lambda counts: counts @ scores / counts.sum(axis=1), resampling, confidence=confidence
        )


def mean_of_folds(values: Float[np.ndarray, " n"], folds: Int[np.ndarray, " n"]) -> Statistic:
    """The mean over folds of their means over items; NaN in draws without any item of a fold."""
    member = (folds[:, None] == np.unique(folds)).astype(np.float64)

    def statistic(counts: Counts) -> Float[np.ndarray, " r"]:
        total = counts @ member
        missing = np.where(total == 0, np.nan, total)
        return ((counts * values) @ member / missing).mean(axis=1)

    return statistic
