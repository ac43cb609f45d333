"""All labels of a data set, probed from every kind of features on the same clips and draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from jepakit.evals.probes.linear_probe import (
    Kind,
    Prediction,
    Split,
    constant_prediction,
    fit_probe,
    split_by_group,
    undefined_reason,
)
from jepakit.evals.probes.probe_items import probe_items
from jepakit.evals.probes.probe_result import (
    ENCODER,
    Difference,
    LabelResult,
    ProbeResult,
    ProbeSettings,
    Score,
    UndefinedLabel,
)
from jepakit.evals.scores import METRICS, Metric, auroc, balanced_accuracy, mae, r2
from jepakit.evals.statistics import Distribution, Resampling, Statistic, average
from jepakit.seeds import derive_seed

CONSTANT = "majority / mean"
METRICS_OF: dict[Kind, tuple[Metric, ...]] = {
    "binary": ("auroc", "balanced_accuracy"),
    "regression": ("r2", "mae"),
}
FeatureSets = Mapping[str, Sequence[np.ndarray]]


def run_probe_suite(
    features: FeatureSets,
    targets: Mapping[str, Float[np.ndarray, " n"]],
    kinds: Mapping[str, Kind],
    groups: np.ndarray,
    test: Bool[np.ndarray, " n"],
    *,
    notes: Mapping[str, str],
    source: Mapping[str, str] | None = None,
    settings: ProbeSettings | None = None,
    keys: Sequence[str] | None = None,
) -> ProbeResult:
    """Probe every label from every kind of features.

    Args:
        features: by name, one ``(n, d)`` array per seed, or a single one that every seed uses. The
            name ``encoder`` is the one under test, all others are controls.
        targets: labels by name, NaN where undefined.
        kinds: what each label is.
        groups: group of each clip.
        test: rows to test on; no group may be on both sides.
        notes: one sentence per kind of features.
        source: where the model and the clips came from, for the record.
        settings: see :class:`ProbeSettings`.
        keys: name of each clip; by default its row number.

    Raises:
        ValueError: no encoder among the features, a wrong number of arrays, a label without
            values, or one that is called binary but is not.
    """
    settings = settings or ProbeSettings()
    _check_features(features, settings.seeds)
    splits = _selection_splits(groups, test, settings)
    names = np.asarray(range(len(groups)) if keys is None else keys).astype(str)
    labels: list[LabelResult] = []
    undefined: list[UndefinedLabel] = []
    for label, kind in kinds.items():
        target = _checked_target(label, kind, targets)
        own = [split.only(~np.isnan(target)) for split in splits]
        reasons = (
            undefined_reason(kind, target, groups, split, at_least=settings.at_least)
            for split in own
        )
        reason = next((found for found in reasons if found), None)
        if reason:
            undefined.append(UndefinedLabel(label, kind, reason))
        else:
            labels.append(_probe_label(label, kind, features, target, groups, names, own, settings))
    named = {name: notes[name] for name in features}
    constant = {CONSTANT: "the same answer for every clip, from the training labels"}
    return ProbeResult(
        tuple(labels), tuple(undefined), named | constant, dict(source or {}), settings
    )


def _selection_splits(
    groups: np.ndarray, test: Bool[np.ndarray, " n"], settings: ProbeSettings
) -> list[Split]:
    return [
        split_by_group(
            groups,
            test,
            selection=settings.selection,
            rng=np.random.default_rng(derive_seed("selection", seed)),
        )
        for seed in range(settings.seeds)
    ]


def _probe_label(
    label: str,
    kind: Kind,
    features: FeatureSets,
    target: Float[np.ndarray, " n"],
    groups: np.ndarray,
    names: np.ndarray,
    splits: list[Split],
    settings: ProbeSettings,
) -> LabelResult:
    predictions: dict[str, list[Prediction]] = {}
    for name, arrays in features.items():
        per_seed = arrays if len(arrays) == len(splits) else [arrays[0]] * len(splits)
        predictions[name] = [
            fit_probe(kind, x, target, split, strengths=settings.strengths)
            for x, split in zip(per_seed, splits, strict=True)
        ]
    predictions[CONSTANT] = [constant_prediction(target, splits[0])]
    rows = splits[0].test
    resampling = Resampling.of_groups(
        groups[rows],
        draws=settings.draws,
        rng=np.random.default_rng(derive_seed("bootstrap", label)),
    )
    scores: list[Score] = []
    differences: list[Difference] = []
    for metric in METRICS_OF[kind]:
        found = _score(metric, predictions, target[rows], resampling, settings)
        scores += [score for score, _ in found.values()]
        differences += _differences(metric, found, settings.confidence)
    return LabelResult(
        label=label,
        kind=kind,
        train_clips=len(splits[0].train),
        test_clips=len(rows),
        test_groups=resampling.groups,
        positives=float(target[rows].mean()) if kind == "binary" else None,
        scores=tuple(scores),
        differences=tuple(differences),
        items=probe_items(
            kind,
            target[rows],
            predictions[ENCODER],
            names[rows].tolist(),
            groups[rows].astype(str).tolist(),
        ),
    )


def _score(
    metric: Metric,
    predictions: Mapping[str, list[Prediction]],
    truth: Float[np.ndarray, " tested"],
    resampling: Resampling,
    settings: ProbeSettings,
) -> dict[str, tuple[Score, Distribution]]:
    known: dict[bytes, Distribution] = {}  # seeds that choose the same strength predict the same

    def distribution(prediction: Prediction) -> Distribution:
        name = prediction.score.tobytes()
        if name not in known:
            statistic = _statistic(metric, truth, prediction.score)
            known[name] = resampling.distribution(statistic, settings.method)
        return known[name]

    found = {}
    for features, own in predictions.items():
        each = [distribution(prediction) for prediction in own]
        mean = average(each)
        score = Score(
            features=features,
            metric=metric,
            interval=mean.interval(settings.confidence),
            by_seed=tuple(seed.estimate for seed in each),
            strengths=tuple(prediction.strength for prediction in own),
        )
        found[features] = score, mean
    return found


def _differences(
    metric: Metric, found: Mapping[str, tuple[Score, Distribution]], confidence: float
) -> list[Difference]:
    score, distribution = found[ENCODER]
    differences = []
    for control, (other, others) in found.items():
        if control == ENCODER:
            continue
        gap = (distribution - others).interval(confidence)
        better = gap.low > 0 if METRICS[metric].higher_is_better else gap.high < 0
        disjoint = better and score.interval.is_disjoint(other.interval)
        differences.append(Difference(control, metric, gap, better, disjoint))
    return differences


def _statistic(
    metric: Metric, truth: Float[np.ndarray, " tested"], score: Float[np.ndarray, " tested"]
) -> Statistic:
    if metric == "auroc":
        return auroc(truth == 1, score)
    if metric == "balanced_accuracy":
        return balanced_accuracy(truth == 1, score >= 0.5)
    return r2(truth, score) if metric == "r2" else mae(truth, score)


def _check_features(features: FeatureSets, seeds: int) -> None:
    if ENCODER not in features:
        raise ValueError(f"Features must include '{ENCODER}', got {sorted(features)}.")
    for name, arrays in features.items():
        if len(arrays) not in (1, seeds):
            raise ValueError(f"'{name}' needs 1 or {seeds} arrays (seeds), got {len(arrays)}.")


def _checked_target(
    label: str, kind: Kind, targets: Mapping[str, Float[np.ndarray, " n"]]
) -> Float[np.ndarray, " n"]:
    if label not in targets:
        raise ValueError(f"The clips carry no label '{label}'; they carry {sorted(targets)}.")
    target = targets[label]
    values = np.unique(target[~np.isnan(target)])
    if kind == "binary" and not np.isin(values, (0.0, 1.0)).all():
        raise ValueError(f"Label '{label}' is called binary but has values {values[:5].tolist()}.")
    return target
