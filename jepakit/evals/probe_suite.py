"""All labels of a data set, probed from every kind of features on the same clips and draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from jepakit.evals.linear_probe import (
    STRENGTHS,
    Kind,
    Prediction,
    Split,
    constant_prediction,
    fit_probe,
    split_by_group,
    undefined_reason,
)
from jepakit.evals.scores import Metric, auroc, average, balanced_accuracy, mae, r2
from jepakit.evals.statistics import (
    Interval,
    Method,
    Resampling,
    Statistic,
    bootstrap_difference,
    bootstrap_interval,
)
from jepakit.seeds import derive_seed

ENCODER = "encoder"
CONSTANT = "majority / mean"
METRICS_OF: dict[Kind, tuple[Metric, ...]] = {
    "binary": ("auroc", "balanced_accuracy"),
    "regression": ("r2", "mae"),
}


@dataclass(frozen=True)
class ProbeSettings:
    """How labels are probed.

    Attributes:
        seeds: repetitions; seed ``s`` draws its own selection part and its own random encoder, and
            a score is the mean over seeds on the same test clips.
        selection: share of the training clips (whole groups) that chooses the regularisation.
        strengths: the regularisation strengths to choose from.
        draws: bootstrap draws, over groups of test clips.
        confidence: of the intervals.
        method: of the intervals.
        at_least: clips of either class needed in every part.
    """

    seeds: int = 3
    selection: float = 0.25
    strengths: tuple[float, ...] = STRENGTHS
    draws: int = 2000
    confidence: float = 0.95
    method: Method = "percentile"
    at_least: int = 10


@dataclass(frozen=True)
class Score:
    """One kind of features on one label by one metric."""

    features: str
    metric: Metric
    interval: Interval
    by_seed: tuple[float, ...]
    strengths: tuple[float, ...]


@dataclass(frozen=True)
class Difference:
    """The encoder's score minus a control's, on the same draws."""

    control: str
    metric: Metric
    interval: Interval
    disjoint: bool


@dataclass(frozen=True)
class LabelResult:
    """Everything measured on one label. ``positives`` is the share in the test part, if binary."""

    label: str
    kind: Kind
    train_clips: int
    test_clips: int
    test_groups: int
    positives: float | None
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]

    def score(self, features: str, metric: Metric) -> Score:
        """The score of ``features`` by ``metric``."""
        return next(s for s in self.scores if (s.features, s.metric) == (features, metric))


@dataclass(frozen=True)
class UndefinedLabel:
    """A label that cannot be scored, and why."""

    label: str
    kind: Kind
    reason: str


@dataclass(frozen=True)
class ProbeResult:
    """A whole suite. ``notes`` says what each kind of features is."""

    labels: tuple[LabelResult, ...]
    undefined: tuple[UndefinedLabel, ...]
    notes: dict[str, str]
    settings: ProbeSettings


def run_probe_suite(
    features: Mapping[str, Sequence[Float[np.ndarray, "n _"]]],
    targets: Mapping[str, Float[np.ndarray, " n"]],
    kinds: Mapping[str, Kind],
    groups: np.ndarray,
    test: Bool[np.ndarray, " n"],
    *,
    notes: Mapping[str, str],
    settings: ProbeSettings | None = None,
) -> ProbeResult:
    """Probe every label from every kind of features.

    Args:
        features: by name, one array per seed, or a single array used by every seed. The name
            ``encoder`` is the one under test, all others are controls.
        targets: labels by name, NaN where undefined.
        kinds: what each label is.
        groups: group of each clip.
        test: rows to test on; no group may be on both sides.
        notes: one sentence per kind of features.
        settings: see :class:`ProbeSettings`.

    Raises:
        ValueError: no encoder among the features, a wrong number of arrays, or a label that is
            called binary but is not.
    """
    settings = settings or ProbeSettings()
    _check_features(features, settings.seeds)
    splits = [
        split_by_group(
            groups,
            test,
            selection=settings.selection,
            rng=np.random.default_rng(derive_seed("selection", seed)),
        )
        for seed in range(settings.seeds)
    ]
    labels: list[LabelResult] = []
    undefined: list[UndefinedLabel] = []
    for label, kind in kinds.items():
        target = targets[label]
        _check_values(label, kind, target)
        own = [split.only(~np.isnan(target)) for split in splits]
        reasons = (
            undefined_reason(kind, target, groups, s, at_least=settings.at_least) for s in own
        )
        reason = next((found for found in reasons if found), None)
        if reason:
            undefined.append(UndefinedLabel(label, kind, reason))
        else:
            labels.append(_probe_label(label, kind, features, target, groups, own, settings))
    all_notes = {**notes, CONSTANT: "the same answer for every clip, from the training labels"}
    return ProbeResult(tuple(labels), tuple(undefined), all_notes, settings)


def _probe_label(
    label: str,
    kind: Kind,
    features: Mapping[str, Sequence[Float[np.ndarray, "n _"]]],
    target: Float[np.ndarray, " n"],
    groups: np.ndarray,
    splits: list[Split],
    settings: ProbeSettings,
) -> LabelResult:
    rows = splits[0].test
    resampling = Resampling.of_groups(
        groups[rows],
        draws=settings.draws,
        rng=np.random.default_rng(derive_seed("bootstrap", label)),
    )
    predictions = {
        name: [
            fit_probe(kind, x, target, s, strengths=settings.strengths)
            for x, s in _per_seed(arrays, splits)
        ]
        for name, arrays in features.items()
    }
    predictions[CONSTANT] = [constant_prediction(kind, target, split) for split in splits]
    scores: list[Score] = []
    differences: list[Difference] = []
    options = {"confidence": settings.confidence, "method": settings.method}
    for metric in METRICS_OF[kind]:
        statistics: dict[str, Statistic] = {}
        for name, found in predictions.items():
            each = [_statistic(metric, target[rows], p) for p in found]
            statistics[name] = average(each)
            scores.append(
                Score(
                    features=name,
                    metric=metric,
                    interval=bootstrap_interval(statistics[name], resampling, **options),
                    by_seed=tuple(resampling.estimate(s) for s in each),
                    strengths=tuple(p.strength for p in found),
                )
            )
        own = scores[-len(predictions) :]
        first = next(s for s in own if s.features == ENCODER)
        for other in own:
            if other is not first:
                gap = bootstrap_difference(
                    statistics[ENCODER], statistics[other.features], resampling, **options
                )
                apart = first.interval.is_disjoint(other.interval)
                differences.append(Difference(other.features, metric, gap, apart))
    return LabelResult(
        label=label,
        kind=kind,
        train_clips=len(splits[0].train),
        test_clips=len(rows),
        test_groups=resampling.groups,
        positives=float(target[rows].mean()) if kind == "binary" else None,
        scores=tuple(scores),
        differences=tuple(differences),
    )
