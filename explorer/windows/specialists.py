"""Temporal specialists: dimensions that feel where in the window a frame is, whatever the video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from explorer.windows.slice_order_test import EXACT_UP_TO, slice_order_p
from explorer.windows.top_overlap import TopOverlap
from explorer.windows.window_comparison import WindowComparison
from jepakit.evals.permutation_tests import holm
from jepakit.evals.rank_correlation import spearman

MIN_VIDEOS = 3


@dataclass(frozen=True)
class Specialist:
    """One dimension over all videos; see :class:`Specialists`.

    Attributes:
        dimension: number of the dimension.
        score: median over videos.
        contrast: median over videos.
        median_rank: of the score, 1 is the most sensitive.
        in_top: share of videos that have it among their first.
        sign_first: mean over videos of the difference's sign at the first shared slice.
        sign_last: the same at the last one; ±1 where all videos agree.
        edge_p: that its edges differ more than its other slices.
        edge_holm: the same, adjusted for all dimensions.
        own_p: that they do so beyond what all dimensions have in common.
        own_holm: the same, adjusted for all dimensions.
    """

    dimension: int
    score: float
    contrast: float
    median_rank: float
    in_top: float
    sign_first: float
    sign_last: float
    edge_p: float
    edge_holm: float
    own_p: float
    own_holm: float


@dataclass(frozen=True)
class Specialists:
    """Every dimension's sensitivity to the window, by video.

    With ``E`` the mean absolute difference over the tokens of the first and last shared slice,
    ``M`` the same of the middle one and ``sd`` the dimension's standard deviation over both
    windows: score ``E / sd`` (without ``sd`` the dimensions of large values would win), contrast
    ``E / M``.

    Attributes:
        scores: by video and dimension; 0 where a dimension does not vary.
        contrasts: infinite where the middle does not differ at all, NaN where nothing does.
        signs: of the mean difference at the first and the last shared slice, -1, 0 or 1.
        top: how many dimensions of a video count as its first.
        edge_p: of each dimension, see :func:`~explorer.windows.slice_order_test.slice_order_p`.
        own_p: the same after each slice was divided by its mean over all dimensions: where the
            whole latent changes at the edges, every dimension has a small ``edge_p``, and only
            those that change more than the others have a small ``own_p``.
    """

    scores: Float[np.ndarray, "v d"]
    contrasts: Float[np.ndarray, "v d"]
    signs: Float[np.ndarray, "v 2 d"]
    top: int
    edge_p: Float[np.ndarray, " d"]
    own_p: Float[np.ndarray, " d"]

    @cached_property
    def ranks(self) -> Float[np.ndarray, "v d"]:
        """Rank of the score in each video, 1 is the highest; ties share their mean rank."""
        return rankdata(-self.scores, axis=1).astype(np.float64)

    @property
    def tops(self) -> Bool[np.ndarray, "v d"]:
        """Which dimensions are each video's first; of ties the lower numbers."""
        first = np.argsort(-self.scores, axis=1, kind="stable")[:, : self.top]
        tops = np.zeros(self.scores.shape, dtype=bool)
        np.put_along_axis(tops, first, values=True, axis=1)
        return tops

    @property
    def overlap(self) -> TopOverlap:
        """Whether videos have the same first dimensions."""
        return TopOverlap.of(self.tops)

    @property
    def rank_correlation(self) -> Float[np.ndarray, "v v"]:
        """Spearman's correlation of scores between videos; NaN where scores are all equal."""
        once = np.ones((1, self.scores.shape[1]))
        pairs = [[spearman(a, b)(once)[0] for b in self.scores] for a in self.scores]
        return np.array(pairs, dtype=np.float64)

    def table(self, *, rows: int = 20) -> list[Specialist]:
        """The first dimensions by median rank, then by score."""
        median_rank = np.median(self.ranks, axis=0)
        score = np.median(self.scores, axis=0)
        # Of infinities of both halves the median is their mean, infinity too.
        contrast = np.median(self.contrasts, axis=0)
        in_top, sign = self.tops.mean(axis=0), self.signs.mean(axis=0)
        adjusted = holm(self.edge_p), holm(self.own_p)
        order = np.lexsort((-score, median_rank))[:rows]
        return [
            Specialist(
                dimension=int(j),
                score=float(score[j]),
                contrast=float(contrast[j]),
                median_rank=float(median_rank[j]),
                in_top=float(in_top[j]),
                sign_first=float(sign[0, j]),
                sign_last=float(sign[1, j]),
                edge_p=float(self.edge_p[j]),
                edge_holm=float(adjusted[0][j]),
                own_p=float(self.own_p[j]),
                own_holm=float(adjusted[1][j]),
            )
            for j in order
        ]


def specialists(
    comparisons: Sequence[WindowComparison],
    *,
    rng: np.random.Generator,
    top: int = 20,
    draws: int = EXACT_UP_TO,
) -> Specialists:
    """Score every dimension on several videos and test whether they agree.

    Args:
        comparisons: one per video, of one encoder; several windows of one video are not several
            videos.
        rng: draws orders of slices.
        top: how many dimensions of a video count as its first.
        draws: orders of slices; the least p is ``1 / (draws + 1)``, to be multiplied by the number
            of dimensions.

    Raises:
        ValueError: fewer than 3 videos, widths that differ, an impossible ``top``, fewer than 3
            shared slices, or no draws.
    """
    widths = [comparison.first.shape[-1] for comparison in comparisons]
    if len(widths) < MIN_VIDEOS or len(set(widths)) != 1:
        raise ValueError(
            f"Specialists are those of at least {MIN_VIDEOS} videos in one encoder, came "
            f"{len(widths)} of widths {widths}."
        )
    if not 1 <= top < widths[0]:
        raise ValueError(f"top must be 1 to {widths[0] - 1}, came {top}.")
    own = [_beyond_the_others(c.relative_by_dimension) for c in comparisons]
    return Specialists(
        scores=np.stack([_edges(c.relative_by_dimension) for c in comparisons]),
        contrasts=np.stack([_contrast(c) for c in comparisons]),
        signs=np.stack([_edge_signs(c) for c in comparisons]),
        top=top,
        edge_p=slice_order_p([c.by_dimension for c in comparisons], rng=rng, draws=draws),
        own_p=slice_order_p(own, rng=rng, draws=draws),
    )


def _edges(profile: Float[np.ndarray, "s d"]) -> Float[np.ndarray, " d"]:
    return (profile[0] + profile[-1]) / 2


def _contrast(comparison: WindowComparison) -> Float[np.ndarray, " d"]:
    profile = comparison.by_dimension
    middle = profile[list(comparison.windows.middle)].mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _edges(profile) / middle


def _edge_signs(comparison: WindowComparison) -> Float[np.ndarray, "2 d"]:
    edges = comparison.difference[[0, -1]]
    return np.sign(edges.mean(axis=(1, 2), dtype=np.float64))


def _beyond_the_others(profile: Float[np.ndarray, "s d"]) -> Float[np.ndarray, "s d"]:
    """Each slice over its mean; 1 where nothing differs."""
    level = profile.mean(axis=1, keepdims=True)
    return np.divide(profile, level, out=np.ones_like(profile), where=level > 0)
