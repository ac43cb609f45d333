"""Object against background: the paired difference with its intervals, wins and sign-flip p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jepakit.evals.permutation_tests import sign_flip_p
from jepakit.evals.statistics import Interval, Resampling, bootstrap_interval

DRAWS = 10_000
FLIPS = 20_000


@dataclass(frozen=True)
class Advantage:
    """How much more one occlusion does than another, over the same images.

    Attributes:
        first: mean of the first (object).
        second: mean of the second (background).
        difference: mean paired difference; interval of 10,000 bootstrap draws of images.
        clustered: the same, drawing whole classes; None with one class.
        wins: images where the first is larger.
        images: how many.
        p_value: two-sided sign-flip, of 20,000 flips or of all where there are fewer.
    """

    first: float
    second: float
    difference: Interval
    clustered: Interval | None
    wins: int
    images: int
    p_value: float


def advantage(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    classes: np.ndarray,
    *,
    seed: int = 0,
) -> Advantage:
    """Compare two measurements of the same images.

    Source: paper, section 2.6. Differs: classes are clusters, and stand beside it. With 12 images
    95 % intervals cover about 91 % of the time and those over 4 classes 81 % (see the tests of
    statistics), so that few images say less than their intervals.

    Raises:
        ValueError: fewer than 2 images.
    """
    gap = first - second
    own = mean_interval(gap, np.arange(len(gap)), seed=seed)
    several = len(np.unique(classes)) > 1
    return Advantage(
        first=float(first.mean()),
        second=float(second.mean()),
        difference=own,
        clustered=mean_interval(gap, classes, seed=seed) if several else None,
        wins=int((gap > 0).sum()),
        images=len(gap),
        p_value=sign_flip_p(gap, rng=np.random.default_rng(seed), draws=FLIPS),
    )


def mean_interval(
    values: Float[np.ndarray, " n"], groups: np.ndarray, *, seed: int = 0
) -> Interval:
    """Mean with a percentile interval over groups of images."""
    resampling = Resampling.of_groups(groups, draws=DRAWS, rng=np.random.default_rng(seed))
    return bootstrap_interval(lambda counts: counts @ values / counts.sum(axis=1), resampling)
