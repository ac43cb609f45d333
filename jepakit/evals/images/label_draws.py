"""Which labelled pictures probes may see: a held-out part, and class-balanced draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int


def hold_out(
    labels: Int[np.ndarray, " n"], share: float, rng: np.random.Generator, *, classes: Sequence[str]
) -> tuple[Int[np.ndarray, " fitted"], Int[np.ndarray, " held"]]:
    """Rows to fit on, and rows held out to choose by: ``share`` of every class, at least 1.

    Raises:
        ValueError: a share outside of (0, 1), or a class with fewer than 2 pictures.
    """
    if not 0 < share < 1:
        raise ValueError(f"The held-out share must lie between 0 and 1, got {share}.")
    counts = np.bincount(labels, minlength=len(classes))
    _refuse_small(counts, 2, classes, "one to fit on and one held out to choose by")
    held = [
        rng.permutation(np.flatnonzero(labels == number))[
            : min(max(1, round(share * count)), count - 1)
        ]
        for number, count in enumerate(counts.tolist())
    ]
    selection = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), selection), selection


def balanced_draw(
    labels: Int[np.ndarray, " n"], share: float, rng: np.random.Generator, *, classes: Sequence[str]
) -> Int[np.ndarray, " drawn"]:
    """Equally many pictures of every class, together about ``share`` of all, at least 1 of each.

    Raises:
        ValueError: a share outside of (0, 1], or a class with fewer pictures than are drawn.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie above 0 and be at most 1, got {share}.")
    each = max(1, round(share * len(labels) / len(classes)))
    counts = np.bincount(labels, minlength=len(classes))
    _refuse_small(counts, each, classes, f"for a class-balanced share of {share:g}")
    drawn = [
        rng.permutation(np.flatnonzero(labels == number))[:each] for number in range(len(classes))
    ]
    return np.sort(np.concatenate(drawn))


def balanced_folds(
    labels: Int[np.ndarray, " n"], folds: int, rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    """A fold for every row, such that each class is spread evenly over the folds."""
    place = np.empty(len(labels), dtype=np.int64)
    for number in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == number))
        place[rows] = np.arange(len(rows)) % folds
    return place


def _refuse_small(
    counts: Int[np.ndarray, " classes"], needed: int, classes: Sequence[str], why: str
) -> None:
    small = np.flatnonzero(counts < needed)
    if len(small):
        named = ", ".join(f"'{classes[number]}' ({counts[number]})" for number in small[:5])
        raise ValueError(
            f"Every class needs at least {needed} readable training pictures, {why}; {len(small)} "
            f"of {len(classes)} have fewer: {named}. Add pictures, leave those classes out"
            f"{' or lower --share' if needed > 2 else ''}."
        )
