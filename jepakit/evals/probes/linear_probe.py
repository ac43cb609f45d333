"""Linear read-outs of frozen features, with the regularisation chosen on data of its own.

Three parts, disjoint by group (task): probes are fitted on ``fit``, the regularisation strength is
the one that scores best on ``selection``, the probe is fitted again on both, and ``test`` is only
ever predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from jepakit.evals.scores import auroc, r2, top_k
from jepakit.evals.statistics import Statistic

Kind = Literal["binary", "regression"]
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts; no group is in two of them."""

    fit: Int[np.ndarray, " fitted"]
    selection: Int[np.ndarray, " selected"]
    test: Int[np.ndarray, " tested"]

    @property
    def train(self) -> Int[np.ndarray, " trained"]:
        """Everything that a final probe may learn from."""
        return np.sort(np.concatenate([self.fit, self.selection]))

    def only(self, keep: Bool[np.ndarray, " n"]) -> Split:
        """The same split without the rows where ``keep`` is false."""
        return Split(*(part[keep[part]] for part in (self.fit, self.selection, self.test)))


@dataclass(frozen=True)
class Prediction:
    """A probe's answers on the test part.

    Attributes:
        score: probability of the positive class, or the predicted value.
        strength: the chosen regularisation, relative to the number of samples.
        at_edge: whether that is an end of the grid, so that a wider one may do better.
    """

    score: Float[np.ndarray, " tested"]
    strength: float
    at_edge: bool


@dataclass(frozen=True)
class ClassPrediction:
    """A classifier's answers on the test part.

    Attributes:
        score: probability of every class.
        strength: the chosen regularisation, relative to the number of samples.
        at_edge: whether that is an end of the grid, so that a wider one may do better.
    """

    score: Float[np.ndarray, "tested classes"]
    strength: float
    at_edge: bool


def draw_groups(
    groups: np.ndarray, share: float, rng: np.random.Generator
) -> Bool[np.ndarray, " n"]:
    """Mark whole groups at random until they hold at least ``share`` of the rows.

    Raises:
        ValueError: the share is not between 0 and 1, or would leave no group on one side.
    """
    if not 0 < share < 1:
        raise ValueError(f"A share must lie between 0 and 1, got {share}.")
    names, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"Splitting by group needs at least 2 groups, got {len(names)}.")
    order = rng.permutation(len(names))
    filled = np.cumsum(sizes[order])
    chosen = order[: min(int(np.searchsorted(filled, share * len(groups))) + 1, len(names) - 1)]
    return np.isin(group, chosen)


def split_by_group(
    groups: np.ndarray, test: Bool[np.ndarray, " n"], *, selection: float, rng: np.random.Generator
) -> Split:
    """Take the selection part out of the rows that are not ``test``, by whole groups.

    Raises:
        ValueError: a group has rows on both sides of ``test``, or a part would be empty.
    """
    shared = sorted(set(groups[test].tolist()) & set(groups[~test].tolist()))
    if shared:
        raise ValueError(
            f"Training and test must not share groups; {len(shared)} are on both sides, such as "
            f"{shared[:3]}. Split the data set by task."
        )
    rows = np.flatnonzero(~test)
    selected = draw_groups(groups[rows], selection, rng)
    return Split(rows[~selected], rows[selected], np.flatnonzero(test))


def undefined_reason(
    kind: Kind, target: Float[np.ndarray, " n"], groups: np.ndarray, split: Split, *, at_least: int
) -> str | None:
    """Why a label cannot be scored, or None.

    Each part needs ``at_least`` clips of either class (or, for a regression, clips and two distinct
    values); in the test part the rarer class also has to come from 5 groups, because the bootstrap
    resamples those.
    """
    for name in ("fit", "selection", "test"):
        rows: np.ndarray = getattr(split, name)
        values = target[rows]
        if len(rows) < at_least:
            return f"{len(rows)} clips with this label in the {name} part, {at_least} needed"
        if np.unique(values).size < 2:
            return f"all {len(rows)} clips of the {name} part have the value {values[0]:g}"
        if kind == "regression":
            continue
        for wanted, word in ((1.0, "positive"), (0.0, "negative")):
            hits = int((values == wanted).sum())
            if hits < at_least:
                return f"{hits} {word} clips in the {name} part, {at_least} needed"
            sources = len(np.unique(groups[rows[values == wanted]]))
            if name == "test" and sources < 5:
                return f"the {word} clips of the test part come from {sources} groups, 5 needed"
    return None


def fit_probe(
    kind: Kind,
    features: Float[np.ndarray, "n d"],
    target: Float[np.ndarray, " n"],
    split: Split,
    *,
    strengths: tuple[float, ...] = STRENGTHS,
) -> Prediction:
    """Choose the strength on the selection part, fit on fit and selection, predict test.

    Logistic regression with balanced classes, or ridge; features standardised by the rows fitted
    on. A strength ``s`` is the weight of ``|w|^2 / 2`` beside the mean loss of a sample, so that
    one grid serves every data set size. Of equal scores the strongest regularisation wins.
    """
    ones = np.ones((1, len(split.selection)))
    scores = []
    for strength in strengths:
        probe = _fit(kind, features[split.fit], target[split.fit], strength)
        guess = _predict(kind, probe, features[split.selection])
        scores.append(float(_selection_score(kind, target[split.selection], guess)(ones)[0]))
    best = max(range(len(strengths)), key=lambda i: (scores[i], strengths[i]))
    train = split.train
    probe = _fit(kind, features[train], target[train], strengths[best])
    return Prediction(
        score=_predict(kind, probe, features[split.test]),
        strength=strengths[best],
        at_edge=strengths[best] in (min(strengths), max(strengths)),
    )


def fit_classifier(
    features: Float[np.ndarray, "n d"],
    target: Int[np.ndarray, " n"],
    split: Split,
    *,
    classes: int,
    strengths: tuple[float, ...] = STRENGTHS,
) -> ClassPrediction:
    """One of many classes: choose on the selection part, fit on fit and selection, predict test.

    Multinomial logistic regression, strengths and standardisation as in :func:`fit_probe`; chosen
    by top-1 accuracy. Differs: classes weigh as many clips as they have, because accuracy counts
    clips. A class that no fitted clip has gets probability 0.

    Raises:
        ValueError: the fitted clips are all of one class.
    """
    if np.unique(target[split.fit]).size < 2:
        raise ValueError(
            f"All {len(split.fit)} clips to fit are of one class; a classifier needs at least 2."
        )
    ones = np.ones((1, len(split.selection)))
    scores = []
    for strength in strengths:
        guess = _classify(features, target, split.fit, split.selection, classes, strength)
        scores.append(float(top_k(target[split.selection], guess, 1)(ones)[0]))
    best = max(range(len(strengths)), key=lambda i: (scores[i], strengths[i]))
    return ClassPrediction(
        score=_classify(features, target, split.train, split.test, classes, strengths[best]),
        strength=strengths[best],
        at_edge=strengths[best] in (min(strengths), max(strengths)),
    )


def constant_prediction(target: Float[np.ndarray, " n"], split: Split) -> Prediction:
    """The control without input: the share of positives (so the majority class), or the mean."""
    level = float(target[split.train].mean())
    return Prediction(np.full(len(split.test), level), strength=0.0, at_edge=False)


def _selection_score(
    kind: Kind, truth: Float[np.ndarray, " n"], guess: Float[np.ndarray, " n"]
) -> Statistic:
    return auroc(truth == 1, guess) if kind == "binary" else r2(truth, guess)


def _fit(
    kind: Kind, features: Float[np.ndarray, "n d"], target: Float[np.ndarray, " n"], strength: float
) -> Pipeline:
    samples = len(target)
    features = features.astype(np.float64)
    if kind == "binary":
        model = LogisticRegression(
            C=1 / (strength * samples), class_weight="balanced", max_iter=5000
        )
        return make_pipeline(StandardScaler(), model).fit(features, target == 1)
    model = Ridge(alpha=strength * samples)
    return make_pipeline(StandardScaler(), model).fit(features, target)


def _predict(
    kind: Kind, probe: Pipeline, features: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, " n"]:
    if kind == "binary":
        return probe.predict_proba(features)[:, 1].astype(np.float64)
    return probe.predict(features).astype(np.float64)


def _classify(
    features: Float[np.ndarray, "n d"],
    target: Int[np.ndarray, " n"],
    fitted: Int[np.ndarray, " f"],
    asked: Int[np.ndarray, " a"],
    classes: int,
    strength: float,
) -> Float[np.ndarray, "a classes"]:
    model = LogisticRegression(C=1 / (strength * len(fitted)), max_iter=5000)
    probe = make_pipeline(StandardScaler(), model)
    probe.fit(features[fitted].astype(np.float64), target[fitted])
    score = np.zeros((len(asked), classes))
    score[:, probe.classes_] = probe.predict_proba(features[asked].astype(np.float64))
    return score
