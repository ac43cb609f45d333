"""Bootstrap intervals for anything that can be computed from how often each item was drawn.

A statistic here maps counts ``(r, n)`` (how often each of ``n`` items is in each of ``r`` draws) to
``(r,)`` values. That makes every method vectorised, makes resampling of groups a matter of equal
counts within a group, and lets several statistics share one :class:`Resampling`, so that they are
compared on identical draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, ndtri

Counts = Float[np.ndarray, "r n"]
Statistic = Callable[[Counts], Float[np.ndarray, " r"]]
Method = Literal["percentile", "bca"]

MAX_UNDEFINED = 0.05
CHUNK_ELEMENTS = 4_000_000  # 32 MB of counts at a time


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float
    confidence: float = 0.95

    def is_disjoint(self, other: Interval) -> bool:
        """Whether the two intervals share no value."""
        return self.low > other.high or self.high < other.low

    def __str__(self) -> str:
        # Adding 0 turns a rounded -0.0 into 0.0.
        estimate, low, high = (round(v, 3) + 0.0 for v in (self.estimate, self.low, self.high))
        return f"{estimate:.3f} [{low:.3f}, {high:.3f}]"


@dataclass(frozen=True)
class Resampling:
    """The draws of a bootstrap: whole groups of items, with replacement.

    Attributes:
        group: group number of each item, ``0 .. g - 1``.
        counts: how often each group is in each draw.
    """

    group: Int[np.ndarray, " n"]
    counts: Int[np.ndarray, "r g"]

    @classmethod
    def of_items(cls, items: int, *, draws: int, rng: np.random.Generator) -> Resampling:
        """Every item is its own group: the ordinary bootstrap."""
        return cls.of_groups(np.arange(items), draws=draws, rng=rng)

    @classmethod
    def of_groups(
        cls, groups: Sequence[str] | np.ndarray, *, draws: int, rng: np.random.Generator
    ) -> Resampling:
        """The cluster bootstrap: items of one group are alike, so they come and go together.

        Source: Davison and Hinkley 1997, section 3.8, strategy 1 (whole clusters, then all items).

        Raises:
            ValueError: fewer than two groups, or no draws.
        """
        names, group = np.unique(np.asarray(groups), return_inverse=True)
        total = len(names)
        if total < 2:
            raise ValueError(f"A bootstrap needs at least 2 groups to resample, got {total}.")
        if draws < 1:
            raise ValueError(f"A bootstrap needs at least 1 draw, got {draws}.")
        picks = rng.integers(0, total, (draws, total)) + np.arange(draws)[:, None] * total
        counts = np.bincount(picks.ravel(), minlength=draws * total).reshape(draws, total)
        return cls(group.astype(np.int64), counts.astype(np.int32))

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.counts.shape[1]

    def distribution(self, statistic: Statistic, method: Method = "percentile") -> Distribution:
        """The statistic of the data, of every draw and, for ``bca``, with each group left out."""
        jackknife = 1 - np.eye(self.groups, dtype=np.int32) if method == "bca" else None
        return Distribution(
            estimate=float(statistic(np.ones((1, len(self.group))))[0]),
            draws=self._evaluate(statistic, self.counts),
            left_out=None if jackknife is None else self._evaluate(statistic, jackknife),
            resampling=self,
        )

    def _evaluate(
        self, statistic: Statistic, counts: Int[np.ndarray, "r g"]
    ) -> Float[np.ndarray, " r"]:
        rows = max(1, CHUNK_ELEMENTS // len(self.group))
        parts = [counts[i : i + rows] for i in range(0, len(counts), rows)]
        return np.concatenate([statistic(p[:, self.group].astype(np.float64)) for p in parts])


@dataclass(frozen=True)
class Distribution:
    """A statistic over one resampling. ``left_out`` is there when the method is ``bca``."""

    estimate: float
    draws: Float[np.ndarray, " r"]
    left_out: Float[np.ndarray, " g"] | None
    resampling: Resampling

    def __sub__(self, other: Distribution) -> Distribution:
        """The difference of two statistics draw by draw: a paired comparison.

        Raises:
            ValueError: the two come from different draws.
        """
        return self._combine([other], (1.0, -1.0))

    def interval(self, confidence: float = 0.95) -> Interval:
        """Percentile interval, or ``bca`` where the jackknife is there.

        The percentile interval takes the ``alpha`` and ``1 - alpha`` quantiles of the draws; BCa
        shifts both levels by the median bias ``z0`` and the acceleration ``a`` of the jackknife
        over groups (Efron and Tibshirani 1993, eq. 14.10, 14.14 and 14.15). Draws where the
        statistic is undefined (NaN: no positives drawn, say) are left out. If no draw moves it, the
        interval is a point. With few groups intervals come out a little narrow: 95 % ones of an
        AUROC cover about 92 % of the time with 20 groups and 94 to 95 % from 40 on (see the tests).

        Raises:
            ValueError: an impossible confidence, or a statistic undefined on the data, on more than
                5 % of the draws, or with a group left out (``bca``).
        """
        if not 0 < confidence < 1:
            raise ValueError(f"The confidence must lie between 0 and 1, got {confidence}.")
        if np.isnan(self.estimate):
            raise ValueError("The statistic is undefined on the data, so it has no interval.")
        undefined = float(np.isnan(self.draws).mean())
        if undefined > MAX_UNDEFINED:
            raise ValueError(
                f"The statistic is undefined in {undefined:.1%} of the draws (at most "
                f"{MAX_UNDEFINED:.0%}): too few groups carry a rare value. Use more groups."
            )
        draws = self.draws[~np.isnan(self.draws)]
        levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
        if self.left_out is not None:
            levels = _bca_levels(levels, self.estimate, draws, self.left_out)
        low, high = np.quantile(draws, levels)
        return Interval(self.estimate, float(low), float(high), confidence)

    def _combine(self, others: Sequence[Distribution], weights: Sequence[float]) -> Distribution:
        if any(other.resampling is not self.resampling for other in others):
            raise ValueError("Only statistics of the same Resampling object can be compared.")
        parts, row = [self, *others], np.asarray(weights)
        jackknives = [part.left_out for part in parts if part.left_out is not None]
        return Distribution(
            estimate=float(row @ [part.estimate for part in parts]),
            draws=row @ np.stack([part.draws for part in parts]),
            left_out=row @ np.stack(jackknives) if len(jackknives) == len(parts) else None,
            resampling=self.resampling,
        )


def average(distributions: Sequence[Distribution]) -> Distribution:
    """The mean of several statistics on the same draws: one score over several seeds."""
    first, *others = distributions
    return first._combine(others, [1 / len(distributions)] * len(distributions))


def bootstrap_interval(
    statistic: Statistic,
    resampling: Resampling,
    *,
    confidence: float = 0.95,
    method: Method = "percentile",
) -> Interval:
    """Interval of a statistic over the draws; see :meth:`Distribution.interval`."""
    return resampling.distribution(statistic, method).interval(confidence)


def bootstrap_difference(
    first: Statistic,
    second: Statistic,
    resampling: Resampling,
    *,
    confidence: float = 0.95,
    method: Method = "percentile",
) -> Interval:
    """Interval of ``first - second``, both computed on the same draws.

    Items that are hard for both cancel, so this sees differences that two intervals side by side
    do not. Raises as :meth:`Distribution.interval`.
    """
    gap = resampling.distribution(first, method) - resampling.distribution(second, method)
    return gap.interval(confidence)


def _bca_levels(
    levels: Float[np.ndarray, " ends"],
    estimate: float,
    draws: Float[np.ndarray, " r"],
    left_out: Float[np.ndarray, " g"],
) -> Float[np.ndarray, " ends"]:
    """The two quantile levels after correction for bias and acceleration."""
    undefined = int(np.isnan(left_out).sum())
    if undefined:
        raise ValueError(
            "The bca interval needs the statistic with every group left out once; it is undefined "
            f"for {undefined} of {len(left_out)} groups. Use the percentile method."
        )
    # Ties count half; 0 and 1 are beyond what a finite number of draws can show.
    below = ((draws < estimate).mean() + (draws <= estimate).mean()) / 2
    z0 = ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    spread = left_out.mean() - left_out
    scale = float((spread**2).sum()) ** 1.5
    acceleration = float((spread**3).sum()) / (6 * scale) if scale > 0 else 0.0
    shifted = z0 + ndtri(levels)
    return ndtr(z0 + shifted / (1 - acceleration * shifted))
