"""Whether the first and last shared slices stand out, by exchanging the order of slices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

EXACT_UP_TO = 50_000  # choices of slices for all videos together
CHUNK_ELEMENTS = 2_000_000  # 16 MB at a time


def slice_order_p(
    profiles: Sequence[Float[np.ndarray, "_ d"]],
    *,
    rng: np.random.Generator,
    draws: int = EXACT_UP_TO,
) -> Float[np.ndarray, " d"]:
    """One-sided p of each dimension that its edges differ more than slices in any order would.

    The statistic is the mean of the first and last slice over the mean of all slices, averaged over
    videos. Under the hypothesis any two slices of a video could have been at its edges, so that
    each of the ``s (s - 1) / 2`` pairs of every video is as likely. Videos choose independently,
    dimensions together. Exact, the share of all choices that reach the observed value, where there
    are at most 50 000 of them; otherwise ``(1 + b) / (1 + B)`` with ``b`` of ``B`` draws (Phipson
    and Smyth 2010). Neighbouring slices are alike and the edges are no neighbours, which makes the
    test cautious rather than bold.

    Args:
        profiles: of each video, mean absolute difference by slice and dimension.
        rng: draws the orders; not used where the test is exact.
        draws: number of random orders.

    Raises:
        ValueError: no videos or draws, widths that differ, fewer than 3 slices, or values that are
            negative or not finite.
    """
    _check(profiles, draws)
    tables = [_pair_means(profile) for profile in profiles]
    observed = _summed(tables, np.array([[_edge_pair(len(p)) for p in profiles]]))
    choices = math.prod(len(table) for table in tables)
    exact = choices <= EXACT_UP_TO
    as_large = np.zeros(observed.shape[1])
    for picks in _picks(tables, None if exact else rng, choices if exact else draws):
        as_large += (_summed(tables, picks) >= observed).sum(axis=0)
    return as_large / choices if exact else (1 + as_large) / (1 + draws)


def _pair_means(profile: Float[np.ndarray, "s d"]) -> Float[np.ndarray, "pairs d"]:
    """The statistic of each pair of slices; 1 for a dimension that never differs."""
    level = profile.mean(axis=0, dtype=np.float64)
    share = np.divide(profile, level, out=np.ones(profile.shape, dtype=np.float64), where=level > 0)
    pairs = np.array(list(combinations(range(len(profile)), 2)))
    return share[pairs].mean(axis=1)


def _edge_pair(slices: int) -> int:
    """Place of (first, last) among the pairs: the last of those with the first slice."""
    return slices - 2


def _picks(
    tables: Sequence[Float[np.ndarray, "_ d"]], rng: np.random.Generator | None, total: int
) -> Iterator[Int[np.ndarray, "r v"]]:
    """Which pair every video takes: all choices in turn, or random ones, some rows at a time."""
    sizes = [len(table) for table in tables]
    rows = max(1, CHUNK_ELEMENTS // tables[0].shape[1])
    for begin in range(0, total, rows):
        count = min(rows, total - begin)
        if rng is None:
            yield np.stack(np.unravel_index(np.arange(begin, begin + count), sizes), axis=1)
        else:
            yield rng.integers(0, sizes, (count, len(sizes)))


def _summed(
    tables: Sequence[Float[np.ndarray, "_ d"]], picks: Int[np.ndarray, "r v"]
) -> Float[np.ndarray, "r d"]:
    """Always in the same order, so that equal choices give equal sums to the last bit."""
    total = tables[0][picks[:, 0]]
    for table, pick in zip(tables[1:], picks.T[1:], strict=True):
        total = total + table[pick]
    return total


def _check(profiles: Sequence[Float[np.ndarray, "_ d"]], draws: int) -> None:
    shapes = [profile.shape for profile in profiles]
    if not shapes or len({width for _, width in shapes}) > 1 or draws < 1:
        raise ValueError(
            f"A test over slice orders needs profiles of one width and at least 1 draw, came "
            f"shapes {shapes} and {draws} draws."
        )
    if min(slices for slices, _ in shapes) < 3:
        raise ValueError(
            f"Edges need at least 3 shared slices to stand out from, came {shapes}: choose a "
            "longer window."
        )
    if not all((np.isfinite(p) & (p >= 0)).all() for p in profiles):
        raise ValueError("Profiles are mean absolute differences: finite, and 0 or more.")
