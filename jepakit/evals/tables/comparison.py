"""Means over seeds and differences between rows, with intervals over seeds and test items.

Two things vary: which seed a model was trained with, and which items it was tested on. A row has
``S`` seeds, and the items come in groups (scenes, tasks). Rows are compared on the same seeds and
the same items: seed ``s`` of one row with seed ``s`` of the other, which start from the same random
numbers and see the same batches as far as their recipes allow.

Three seeds are few. Resampling them with replacement (``bootstrap``) gives ten different sets; the
variance among three values is on average 2/3 of the true one, and no draw lies beyond the smallest
or the largest of the three. Where seeds cause most of the variation, a 95 % interval then covers
the truth about three times in four. ``student`` therefore draws the seeds' part from Student's t
with ``S - 1`` degrees of freedom, scaled by their standard error, and adds it to the bootstrap of
the item groups; it covers 95 % or a little more (the slow tests measure both). The price is
length: with 3 seeds the t quantile is 4.3 and not 1.96, so that a difference has to be 2.5 times
the standard deviation between seeds before its interval excludes 0; with 5 seeds 1.2 times. With
one seed neither says anything of other seeds: intervals are then over items alone.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.statistics import Interval, Resampling
from jepakit.seeds import derive_seed

SeedLevel = Literal["student", "bootstrap"]
Verdict = Literal["yes", "no", "open"]


@dataclass(frozen=True)
class ComparisonSettings:
    """How intervals are made.

    Attributes:
        draws: of the bootstrap.
        confidence: of the intervals.
        seeds: how seeds are drawn, see above.
        seed: of the draws.
    """

    draws: int = 10_000
    confidence: float = 0.95
    seeds: SeedLevel = "student"
    seed: int = 0


def mean_over_seeds(
    scores: Sequence[ItemScores], settings: ComparisonSettings | None = None
) -> Interval:
    """The metric, mean over seeds, with its interval.

    Args:
        scores: one per seed, of the same items.
        settings: how.

    Raises:
        ValueError: no seed, other items or metrics, or items of a single group.
    """
    _check(scores)
    return _interval(_stacked(scores), scores[0], settings or ComparisonSettings())


def paired_difference(
    row: Sequence[ItemScores],
    reference: Sequence[ItemScores],
    settings: ComparisonSettings | None = None,
) -> Interval:
    """Row minus reference with its interval, seed by seed and item by item.

    Args:
        row: one per seed.
        reference: those of the same seeds, in the same order.
        settings: how.

    Raises:
        ValueError: another number of seeds, other items or metrics, or items of a single group.
    """
    if len(row) != len(reference):
        raise ValueError(f"Seeds are paired, and there are {len(row)} and {len(reference)}.")
    _check([*row, *reference])
    gap = _stacked(row) - _stacked(reference)
    return _interval(gap, row[0], settings or ComparisonSettings())


def verdict(difference: Interval, expected: float) -> Verdict:
    """Whether a difference has the sign of ``expected``; open while its interval includes 0."""
    if difference.low <= 0 <= difference.high:
        return "open"
    return "yes" if np.sign(difference.estimate) == np.sign(expected) else "no"


def _interval(
    values: Float[np.ndarray, "s n"], like: ItemScores, settings: ComparisonSettings
) -> Interval:
    """Percentiles of the draws, which depend on the groups and the settings alone."""
    resampling = _resampling(like.groups, settings.draws, settings.seed)
    rng = np.random.default_rng(derive_seed("table seeds", settings.seed))
    estimate = float(values.mean())
    by_seed = _drawn_means(values, resampling)
    if settings.seeds == "bootstrap":
        draws = _bootstrap_seeds(by_seed, rng)
    else:
        draws = by_seed.mean(axis=1) + _student_part(values.mean(axis=1), settings.draws, rng)
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), settings.confidence)


@functools.lru_cache(maxsize=8)  # a column's cells share their groups
def _resampling(groups: tuple[str, ...], draws: int, seed: int) -> Resampling:
    rng = np.random.default_rng(derive_seed("table items", seed))
    return Resampling.of_groups(np.asarray(groups), draws=draws, rng=rng)


def _drawn_means(
    values: Float[np.ndarray, "s n"], resampling: Resampling
) -> Float[np.ndarray, "r s"]:
    """Mean of every seed over the items of every draw of groups."""
    sums = np.stack([np.bincount(resampling.group, weights=row) for row in values], axis=1)
    sizes = np.bincount(resampling.group)
    counts = resampling.counts.astype(np.float64)
    return counts @ sums / (counts @ sizes)[:, None]


def _bootstrap_seeds(
    by_seed: Float[np.ndarray, "r s"], rng: np.random.Generator
) -> Float[np.ndarray, " r"]:
    """Mean over seeds drawn with replacement."""
    draws, seeds = by_seed.shape
    picks = rng.integers(0, seeds, (draws, seeds))
    return np.take_along_axis(by_seed, picks, axis=1).mean(axis=1)


def _student_part(
    means: Float[np.ndarray, " s"], draws: int, rng: np.random.Generator
) -> Float[np.ndarray, " r"]:
    """The standard error of the mean over seeds times draws from Student's t.

    One draw from each of ``draws`` equal parts of the distribution, in random order: its tails are
    so heavy that the ends of an interval would else move by 5 % from one seed to another.
    """
    seeds = len(means)
    if seeds < 2:
        return np.zeros(draws)
    levels = (rng.permutation(draws) + 0.5) / draws
    return means.std(ddof=1) / np.sqrt(seeds) * stdtrit(seeds - 1, levels)


def _stacked(scores: Sequence[ItemScores]) -> Float[np.ndarray, "s n"]:
    return np.stack([one.values for one in scores])


def _check(scores: Sequence[ItemScores]) -> None:
    if not scores:
        raise ValueError("No seed was measured.")
    first = scores[0]
    for other in scores[1:]:
        if (other.metric, other.higher_is_better) != (first.metric, first.higher_is_better):
            raise ValueError(f"'{first.metric}' cannot be compared with '{other.metric}'.")
        if other.items != first.items or other.groups != first.groups:
            raise ValueError(
                f"Only the same items can be compared: {len(first.items)} and {len(other.items)}, "
                f"{len(set(first.items) & set(other.items))} of them in both."
            )
