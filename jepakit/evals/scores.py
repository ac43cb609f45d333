"""Scores of predictions as functions of how often each item was drawn (see ``statistics``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from jepakit.evals.statistics import Counts, Statistic

Metric = Literal["auroc", "balanced_accuracy", "r2", "mae"]


@dataclass(frozen=True)
class MetricFacts:
    """How a metric is named and read. ``chance`` is None where it depends on the data."""

    title: str
    higher_is_better: bool
    chance: float | None


METRICS: dict[Metric, MetricFacts] = {
    "auroc": MetricFacts("AUROC", higher_is_better=True, chance=0.5),
    "balanced_accuracy": MetricFacts("Balanced accuracy", higher_is_better=True, chance=0.5),
    "r2": MetricFacts("R²", higher_is_better=True, chance=0.0),
    "mae": MetricFacts("Mean absolute error", higher_is_better=False, chance=None),
}


def auroc(truth: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"]) -> Statistic:
    """Chance that a random positive scores above a random negative; a tie counts half.

    With counts ``w``: ``sum_i w_i (N_below(i) + N_tied(i) / 2) / (P N)`` over the positives ``i``,
    where ``P`` and ``N`` are the counts of positives and negatives. NaN where one class is absent.
    """
    order = np.argsort(score, kind="stable")
    levels = np.flatnonzero(np.diff(score[order], prepend=-np.inf) != 0)
    positive = truth[order].astype(np.float64)

    def statistic(counts: Counts) -> Float[np.ndarray, " r"]:
        drawn = counts[:, order]
        up = np.add.reduceat(drawn * positive, levels, axis=1)
        down = np.add.reduceat(drawn, levels, axis=1) - up
        below = np.cumsum(down, axis=1) - down / 2
        return _ratio((up * below).sum(axis=1), up.sum(axis=1) * down.sum(axis=1))

    return statistic


def balanced_accuracy(truth: Bool[np.ndarray, " n"], guess: Bool[np.ndarray, " n"]) -> Statistic:
    """Mean of the hit rates of the two classes; NaN where one class is absent."""
    columns = np.stack([truth, truth & guess, ~truth, ~truth & ~guess], axis=1).astype(np.float64)

    def statistic(counts: Counts) -> Float[np.ndarray, " r"]:
        positives, found, negatives, rejected = (counts @ columns).T
        return (_ratio(found, positives) + _ratio(rejected, negatives)) / 2

    return statistic


def r2(truth: Float[np.ndarray, " n"], guess: Float[np.ndarray, " n"]) -> Statistic:
    """``1 - sum w (y - guess)^2 / sum w (y - mean)^2``; NaN where the truth does not vary."""
    centred = truth - truth.mean()  # shifting first keeps the two sums from cancelling
    rounding = 1e-12 * float(centred @ centred)
    columns = np.stack([np.ones_like(truth), centred, centred**2, (truth - guess) ** 2], axis=1)

    def statistic(counts: Counts) -> Float[np.ndarray, " r"]:
        total, first, second, error = (counts @ columns).T
        return 1 - _ratio(error, second - first**2 / total, above=rounding)

    return statistic


def mae(truth: Float[np.ndarray, " n"], guess: Float[np.ndarray, " n"]) -> Statistic:
    """Mean absolute error, in the unit of the label."""
    error = np.abs(truth - guess)
    return lambda counts: counts @ error / counts.sum(axis=1)


def top_k(truth: Int[np.ndarray, " n"], score: Float[np.ndarray, "n classes"], k: int) -> Statistic:
    """Share of items whose class is among the ``k`` best scored ones, see :func:`top_k_hits`."""
    hit = top_k_hits(truth, score, k)
    return lambda counts: counts @ hit / counts.sum(axis=1)


def top_k_hits(
    truth: Int[np.ndarray, " n"], score: Float[np.ndarray, "n classes"], k: int
) -> Float[np.ndarray, " n"]:
    """Per item, whether its class is among the ``k`` best scored ones: 1 or 0.

    A tie counts as often as it would be won by lot: of ``m`` classes that share the score of the
    true one, ``a`` classes above, the item counts ``(k - a) / m``, kept between 0 and 1. A constant
    answer is then worth ``k / classes``.
    """
    own = score[np.arange(len(truth)), truth][:, None]
    above, tied = (score > own).sum(axis=1), (score == own).sum(axis=1)
    return np.clip((k - above) / tied, 0.0, 1.0)


def _ratio(
    numerator: Float[np.ndarray, " r"], denominator: Float[np.ndarray, " r"], above: float = 0.0
) -> Float[np.ndarray, " r"]:
    blank = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=blank, where=denominator > above)
