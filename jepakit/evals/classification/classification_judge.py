"""Accuracies of classifiers on the same test videos, with intervals and paired differences."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from jepakit.evals.classification.attentive_probe import Sweep
from jepakit.evals.classification.classification_result import (
    Accuracy,
    AccuracyDifference,
    AccuracyScore,
    ClassificationResult,
    Classifier,
)
from jepakit.evals.classification.labelled_clips import ClipTable
from jepakit.evals.probes.linear_probe import STRENGTHS
from jepakit.evals.probes.probe_result import ENCODER
from jepakit.evals.scores import top_k
from jepakit.evals.statistics import Distribution, Method, Resampling
from jepakit.seeds import derive_seed

Answer = tuple[Classifier, Float[np.ndarray, "videos classes"]]
METRICS: dict[Accuracy, int] = {"top1": 1, "top5": 5}


@dataclass(frozen=True)
class ClassificationSettings:
    """How clips are classified.

    Attributes:
        probes: which probes; the first is the one that others are held against.
        sweep: the attentive probes.
        strengths: regularisation strengths of the linear probe to choose from.
        selection: share of the training clips (whole groups) that chooses hyper-parameters.
        keep_tokens: keep all tokens in memory, so that every clip is encoded once; without, clips
            are read and encoded again in every round of training.
        draws: bootstrap draws, over groups of test videos.
        confidence: of the intervals.
        method: of the intervals.
        seed: of the selection part and of the bootstrap.
    """

    probes: tuple[Literal["attentive", "linear"], ...] = ("attentive", "linear")
    sweep: Sweep = field(default_factory=Sweep)
    strengths: tuple[float, ...] = STRENGTHS
    selection: float = 0.25
    keep_tokens: bool = True
    draws: int = 2000
    confidence: float = 0.95
    method: Method = "percentile"
    seed: int = 0


def judge_answers(
    answers: Sequence[Answer],
    judged: ClipTable,
    *,
    classes: int,
    settings: ClassificationSettings,
    method: str,
    learned_from: tuple[int, int],
) -> ClassificationResult:
    """Accuracies of all answers, and what they differ by, on the same draws.

    The first answer is held against all others, and each control against the same probe on the
    encoder's tokens.

    Args:
        answers: probabilities of every test video by each classifier, the videos in sorted order.
        judged: the test clips.
        classes: number of classes; top-5 is left out where there are no more than 5.
        settings: see :class:`ClassificationSettings`.
        method: how the classifiers came about, in words.
        learned_from: training clips, and how many of those are the selection part.

    Raises:
        ValueError: a classifier has diverged, so its answers are no numbers.
    """
    names, first, counts = np.unique(judged.videos, return_index=True, return_counts=True)
    resampling = Resampling.of_groups(
        judged.groups[first],
        draws=settings.draws,
        rng=np.random.default_rng(derive_seed("bootstrap", settings.seed)),
    )
    found = _accuracies(answers, judged.labels[first], resampling, settings.method)
    views = (int(counts.min()), int(counts.max()))
    return ClassificationResult(
        classes=classes,
        train_clips=learned_from[0],
        selection_clips=learned_from[1],
        test_videos=len(names),
        test_groups=resampling.groups,
        views=views,
        classifiers=tuple(classifier for classifier, _ in answers),
        scores=tuple(
            AccuracyScore(name, metric, distribution.interval(settings.confidence))
            for (name, metric), distribution in found.items()
        ),
        differences=_differences([c for c, _ in answers], found, settings.confidence),
        method=f"{method} Probabilities are averaged over the views of a video ({_span(views)}). "
        f"{settings.confidence:.0%} {settings.method} bootstrap intervals over {settings.draws} "
        f"draws of whole groups of test videos; another training of the probe is not in them.",
    )


def _accuracies(
    answers: Sequence[Answer],
    truth: Int[np.ndarray, " videos"],
    resampling: Resampling,
    method: Method,
) -> dict[tuple[str, Accuracy], Distribution]:
    found: dict[tuple[str, Accuracy], Distribution] = {}
    for metric, k in METRICS.items():
        for classifier, score in answers:
            if not np.isfinite(score).all():
                raise ValueError(
                    f"The answers of '{classifier.name}' are not finite: it diverged. Lower its "
                    "learning rate."
                )
            if k < score.shape[1]:
                found[classifier.name, metric] = resampling.distribution(
                    top_k(truth, score, k), method
                )
    return found


def _differences(
    classifiers: Sequence[Classifier],
    found: Mapping[tuple[str, Accuracy], Distribution],
    confidence: float,
) -> tuple[AccuracyDifference, ...]:
    ours = {c.probe: c.name for c in classifiers if c.features == ENCODER}
    pairs = [(classifiers[0].name, control.name) for control in classifiers[1:]]
    pairs += [(ours[c.probe], c.name) for c in classifiers if c.probe in ours]
    differences = []
    for (subject, control), metric in itertools.product(dict.fromkeys(pairs), METRICS):
        if subject == control or (subject, metric) not in found:
            continue
        own, other = found[subject, metric], found[control, metric]
        gap = (own - other).interval(confidence)
        apart = own.interval(confidence).is_disjoint(other.interval(confidence))
        better = gap.low > 0
        differences.append(
            AccuracyDifference(subject, control, metric, gap, better, disjoint=better and apart)
        )
    return tuple(differences)


def _span(views: tuple[int, int]) -> str:
    return f"{views[0]}" if views[0] == views[1] else f"{views[0]} to {views[1]}"
