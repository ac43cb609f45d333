"""Spearman's correlation as a function of how often each item was drawn (see ``statistics``)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from jepakit.evals.statistics import Counts, Statistic


def spearman(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> Statistic:
    """Pearson's correlation of the ranks in each draw; ties share the mean of their ranks.

    An item drawn ``w`` times is ``w`` tied items: its rank is the count below it plus half of the
    count at its level. NaN where a draw has one level of ``x`` or of ``y`` only.

    Raises:
        ValueError: the two differ in length, or a value is not finite.
    """
    if x.shape != y.shape or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(
            f"A rank correlation needs finite pairs, came {x.size} and {y.size} values, "
            f"{int((~np.isfinite(x)).sum())} and {int((~np.isfinite(y)).sum())} not finite."
        )
    rank_x, rank_y = _ranks(x), _ranks(y)

    def statistic(counts: Counts) -> Float[np.ndarray, " r"]:
        total = counts.sum(axis=1, keepdims=True)
        # The mean rank is half of the total, whatever the ties.
        a, b = rank_x(counts) - total / 2, rank_y(counts) - total / 2
        product = (counts * a * b).sum(axis=1)
        spread = np.sqrt((counts * a**2).sum(axis=1) * (counts * b**2).sum(axis=1))
        return np.divide(product, spread, out=np.full_like(product, np.nan), where=spread > 0)

    return statistic


def _ranks(values: Float[np.ndarray, " n"]) -> Statistic:
    order = np.argsort(values, kind="stable")
    new = np.diff(values[order], prepend=-np.inf) != 0
    starts, level = np.flatnonzero(new), np.cumsum(new) - 1
    back = np.empty_like(order)
    back[order] = level

    def ranks(counts: Counts) -> Float[np.ndarray, "r n"]:
        drawn = np.add.reduceat(counts[:, order], starts, axis=1)
        return (np.cumsum(drawn, axis=1) - drawn / 2)[:, back]

    return ranks
