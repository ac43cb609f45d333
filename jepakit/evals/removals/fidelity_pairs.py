"""Pairs of a removed and another object, with what truly happens and what each scorer says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.removals.object_scores import Scores
from jepakit.evals.removals.removal_clips import RemovalClip
from jepakit.evals.removals.removal_truth import CHANGED, CausalTruth, visible_change
from jepakit.evals.scores import auroc
from jepakit.evals.statistics import Counts, Statistic

DESCENDANTS, CHANGE = "descendants", "visible change"
Candidates = Literal["all", "movable"]
Scorer = Callable[[RemovalClip, Sequence[int]], Scores]


@dataclass(frozen=True)
class FidelityPairs:
    """A row per pair of objects.

    Attributes:
        groups: scene of each pair.
        removals: number of the (clip, removed object) that the pair belongs to, from 0 on.
        truth: whether the other object is reached, by kind of truth.
        scores: what each scorer says of the other object.
        complete: whether descendants were told with joints and both contact logs.
        left_out: pairs without a visible token of the other object.
    """

    groups: np.ndarray
    removals: Int[np.ndarray, " p"]
    truth: dict[str, Bool[np.ndarray, " p"]]
    scores: dict[str, Float[np.ndarray, " p"]]
    complete: bool
    left_out: int

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.groups)


def collect_pairs(
    clips: Iterable[RemovalClip],
    scorers: Mapping[str, Scorer],
    *,
    candidates: Candidates = "all",
    told: Callable[[int], None] | None = None,
) -> FidelityPairs:
    """Ask every scorer about every pair of objects of every clip.

    Args:
        clips: with re-simulations.
        scorers: by name.
        candidates: which other objects are ranked; what cannot move is an easy negative.
        told: told how many more clips are done.

    Raises:
        ValueError: no pair, or a score that is not finite where another scorer's is.
    """
    groups: list[str] = []
    removals: list[int] = []
    truth: dict[str, list[bool]] = {DESCENDANTS: [], CHANGE: []}
    scores: dict[str, list[float]] = {name: [] for name in scorers}
    complete, left_out, count = True, 0, 0
    for clip in clips:
        causes, removed = CausalTruth(clip), clip.removable
        complete &= causes.complete
        said = {name: scorer(clip, removed) for name, scorer in scorers.items()} if removed else {}
        for row, identity in enumerate(removed):
            reached = causes.reached(identity)
            change = visible_change(clip, identity)
            for other in _others(clip, identity, candidates):
                values = {name: float(table[row, other - 1]) for name, table in said.items()}
                if not _usable(values, clip, identity, other):
                    left_out += 1
                    continue
                groups.append(clip.group)
                removals.append(count)
                truth[CHANGE].append(bool(change[other - 1] > CHANGED))
                if reached is not None:
                    truth[DESCENDANTS].append(other in reached)
                for name, value in values.items():
                    scores[name].append(value)
            count += 1
        if told is not None:
            told(1)
    return FidelityPairs(
        groups=np.asarray(groups),
        removals=np.asarray(removals, np.int64),
        truth={
            name: np.asarray(values, bool)
            for name, values in truth.items()
            if len(values) == len(groups)
        },
        scores={name: np.asarray(values, np.float64) for name, values in scores.items()},
        complete=complete,
        left_out=left_out,
    )


def auroc_within(
    truth: Bool[np.ndarray, " p"],
    score: Float[np.ndarray, " p"],
    removals: Int[np.ndarray, " p"],
) -> Statistic:
    """AUROC among the objects of one removal, mean over removals that reach some but not all.

    Every pair carries an equal part of its removal, so that draws of scenes weigh removals.
    """
    value, weight = np.zeros(len(truth)), np.zeros(len(truth))
    for removal in np.unique(removals):
        rows = np.flatnonzero(removals == removal)
        if 0 < truth[rows].sum() < len(rows):
            own = auroc(truth[rows], score[rows])(np.ones((1, len(rows))))[0]
            value[rows], weight[rows] = own / len(rows), 1 / len(rows)

    def statistic(counts: Counts) -> Float[np.ndarray, " r"]:
        drawn = counts @ weight
        return np.divide(counts @ value, drawn, out=np.full_like(drawn, np.nan), where=drawn > 0)

    return statistic


def removal_items(pairs: FidelityPairs, truth: str, scorer: str) -> ItemScores | None:
    """The AUROC within each removal, whose mean is that of :func:`auroc_within`.

    Of removals that reach some but not all; None where there is none.
    """
    names, groups, values = [], [], []
    told, score = pairs.truth[truth], pairs.scores[scorer]
    for removal in np.unique(pairs.removals):
        rows = np.flatnonzero(pairs.removals == removal)
        if 0 < told[rows].sum() < len(rows):
            groups.append(str(pairs.groups[rows[0]]))
            names.append(f"{groups[-1]}/removal {removal}")
            values.append(float(auroc(told[rows], score[rows])(np.ones((1, len(rows))))[0]))
    return ItemScores.of("auroc", names, groups, values) if names else None


def _others(clip: RemovalClip, identity: int, candidates: Candidates) -> list[int]:
    every = candidates == "all"
    return [
        i
        for i in range(1, len(clip.coverage) + 1)
        if i != identity and (every or clip.movable[i - 1])
    ]


def _usable(values: Mapping[str, float], clip: RemovalClip, identity: int, other: int) -> bool:
    """Whether something of the object is left to see; every scorer must then have an answer."""
    seen, gone = clip.tokens[other - 1] > 0, clip.tokens[identity - 1] > 0
    if not (seen & ~gone).any():
        return False
    silent = [name for name, value in values.items() if not np.isfinite(value)]
    if silent:
        raise ValueError(
            f"Clip '{clip.key}' without object {identity}: the scores {silent} of object {other} "
            "are not finite."
        )
    return True
