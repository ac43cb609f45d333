"""Networks judged by what probes read from their features of the same pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from rich.progress import Progress

from jepakit.evals.images.image_features import ImageTable
from jepakit.evals.images.image_readouts import (
    LAST,
    ImageSettings,
    LabelPlan,
    Reading,
    read_features,
    steps_of,
)
from jepakit.evals.images.image_result import ImageResult, ImageScore
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.scores import top_k_hits
from jepakit.evals.statistics import Counts, Distribution, Resampling, Statistic
from jepakit.seeds import derive_seed

MAJORITY = "majority"
TOP5 = 5


@dataclass(frozen=True)
class Entrant:
    """Whose features are judged.

    Attributes:
        features: names in :attr:`ImageTable.values`; scores are means over them.
        note: what it is, in words.
    """

    features: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class _Judged:
    """Hits of the test pictures by one readout, a row per repetition."""

    readings: tuple[Reading, ...]
    top1: Float[np.ndarray, "r q"]
    top5: Float[np.ndarray, "r q"] | None

    @classmethod
    def of(cls, readings: Sequence[Reading], truth: Int[np.ndarray, " q"]) -> _Judged:
        scores = [score for reading in readings for score in reading.score]
        wide = scores[0].shape[1] > TOP5
        return cls(
            tuple(readings),
            np.stack([top_k_hits(truth, score, 1) for score in scores]),
            np.stack([top_k_hits(truth, score, TOP5) for score in scores]) if wide else None,
        )


def evaluate_images(
    entrants: Mapping[str, Entrant],
    train: ImageTable,
    test: ImageTable,
    classes: Sequence[str],
    settings: ImageSettings,
    *,
    source: Mapping[str, str],
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> ImageResult:
    """Probe every entrant's features, and the majority class beside them.

    Args:
        entrants: by name; the others are compared with the first.
        train: pictures that probes learn from and are chosen by.
        test: pictures that are judged.
        classes: names of the classes in the order of their numbers.
        settings: how.
        source: where the model and the pictures came from, for the record.
        device: where probes live.
        progress: a running progress display to draw on.

    Raises:
        ValueError: a class with too few training pictures, fewer than two test pictures, or probes
            that diverged.
    """
    plan = LabelPlan.of(train.labels, classes, settings)
    resampling = Resampling.of_items(
        len(test),
        draws=settings.draws,
        rng=np.random.default_rng(derive_seed("bootstrap", settings.seed)),
    )
    judged = _all_judged(entrants, train, test, plan, settings, device=device, progress=progress)
    first = next(iter(judged))
    plain = [readout for readout, own in judged[first].items() if not own.readings[0].detail]
    constant = _Judged.of([_majority(plan, len(test))], test.labels)
    judged[MAJORITY] = dict.fromkeys(plain, constant)
    return ImageResult(
        scores=_scores(judged, resampling, settings),
        notes={name: entrant.note for name, entrant in entrants.items()}
        | {MAJORITY: "the commonest class of the training pictures, then the next ones"},
        source=dict(source) | _told(train, test, plan),
        classes=len(classes),
        damaged=train.faults | test.faults,
        settings=settings,
        items=ItemScores.of(
            "top-1 accuracy", test.names, test.names, judged[first][LAST].top1.mean(axis=0)
        ),
    )


def _all_judged(
    entrants: Mapping[str, Entrant],
    train: ImageTable,
    test: ImageTable,
    plan: LabelPlan,
    settings: ImageSettings,
    *,
    device: torch.device | str,
    progress: Progress | None,
) -> dict[str, dict[str, _Judged]]:
    """Every readout of every entrant, by their names."""
    total = sum(
        steps_of(train.values[name].shape[1]) for e in entrants.values() for name in e.features
    )
    task = progress.add_task("probes", total=total) if progress else None

    def advance() -> None:
        if progress and task is not None:
            progress.advance(task)

    judged: dict[str, dict[str, _Judged]] = {}
    for name, entrant in entrants.items():
        several = [
            read_features(
                train.values[own], test.values[own], plan, settings, device=device, advance=advance
            )
            for own in entrant.features
        ]
        judged[name] = _by_readout(several, test.labels)
    return judged


def _by_readout(
    several: Sequence[Sequence[Reading]], truth: Int[np.ndarray, " q"]
) -> dict[str, _Judged]:
    names = [reading.readout for reading in several[0]]
    return {
        name: _Judged.of([r for readings in several for r in readings if r.readout == name], truth)
        for name in names
    }


def _majority(plan: LabelPlan, asked: int) -> Reading:
    counts = np.bincount(plan.labels, minlength=plan.classes).astype(np.float64)
    return Reading(MAJORITY, (np.tile(counts, (asked, 1)),))


def _scores(
    judged: Mapping[str, Mapping[str, _Judged]], resampling: Resampling, settings: ImageSettings
) -> tuple[ImageScore, ...]:
    def spread(hits: Float[np.ndarray, "r q"]) -> Distribution:
        return resampling.distribution(_mean(hits.mean(axis=0)))

    first = next(iter(judged))
    ours = {readout: spread(own.top1) for readout, own in judged[first].items()}
    scores = []
    for entrant, readouts in judged.items():
        for readout, own in readouts.items():
            found = spread(own.top1)
            gap = (
                None if entrant == first else (ours[readout] - found).interval(settings.confidence)
            )
            scores.append(
                ImageScore(
                    entrant=entrant,
                    readout=readout,
                    top1=found.interval(settings.confidence),
                    top5=None
                    if own.top5 is None
                    else spread(own.top5).interval(settings.confidence),
                    repetitions=tuple(own.top1.mean(axis=1).tolist()),
                    chosen=tuple(choice for r in own.readings for choice in r.chosen),
                    at_edge=any(r.at_edge for r in own.readings),
                    selection=own.readings[0].selection,
                    detail=own.readings[0].detail,
                    encoder_minus_this=gap,
                )
            )
    return tuple(scores)


def _mean(values: Float[np.ndarray, " n"]) -> Statistic:
    def statistic(counts: Counts) -> Float[np.ndarray, " r"]:
        return counts @ values / counts.sum(axis=1)

    return statistic


def _told(train: ImageTable, test: ImageTable, plan: LabelPlan) -> dict[str, str]:
    counts = Counter(plan.labels.tolist()).values()
    known = set(train.digests)
    shared = sum(digest in known for digest in test.digests)
    few = sorted({len(rows) for rows in plan.few})
    return {
        "training pictures": f"{len(train)} ({min(counts)} to {max(counts)} per class), "
        f"{len(plan.selection)} of them held out to choose by",
        "few labels": f"{few[0]} pictures, {few[0] // plan.classes} per class",
        "test pictures": f"{len(test)}",
        "test pictures that equal a training picture at this size": f"{shared}",
        "damaged pictures, left out": f"{len(train.faults)} for training, {len(test.faults)} for "
        "test",
    }
