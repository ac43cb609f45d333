"""How far questions can be answered from their words alone: majority and bag of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from jepakit.evals.statistics import (
    Counts,
    Interval,
    Resampling,
    bootstrap_difference,
    bootstrap_interval,
)

WORDS = r"[a-z0-9]+"


@dataclass(frozen=True)
class AskedQuestion:
    """What a baseline sees of a question, and its answer.

    Attributes:
        text: the question.
        answer: the right one.
        family: whose accuracy is reported.
        scene: that it is about; intervals are over scenes.
        part: questions that were balanced together. A part is never divided between training and
            test, where the balance itself would make the rarer answer of the one the more frequent
            of the other, and any baseline worse than chance.
    """

    text: str
    answer: str
    family: str
    scene: str
    part: str


@dataclass(frozen=True)
class TextBaseline:
    """Accuracies of one family, 0..1, with intervals over scenes.

    The intervals take the fitted classifiers as they are. Where words tell nothing, two folds that
    happen to differ spoil each other's classifiers, and the accuracy varies up to sqrt(2) as much.

    Attributes:
        questions: how many there are.
        majority: of always giving the family's most frequent answer, known beforehand.
        text: of logistic regression on the question's words and pairs of words.
        gain: ``text - majority``, on the same draws.
    """

    questions: int
    majority: Interval
    text: Interval
    gain: Interval


def text_baselines(
    asked: Sequence[AskedQuestion],
    *,
    folds: int = 5,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, TextBaseline]:
    """Both baselines of every family, the words cross-validated over parts.

    Args:
        asked: the questions.
        folds: each is answered by a classifier that was fitted on the others.
        draws: of the bootstrap over scenes.
        seed: of these draws.

    Raises:
        ValueError: no questions, or a family in fewer parts than folds.
    """
    if not asked:
        raise ValueError("No questions to answer; give at least one.")
    families = sorted({question.family for question in asked})
    return {
        family: _baseline([q for q in asked if q.family == family], family, folds, draws, seed)
        for family in families
    }


def _baseline(
    asked: Sequence[AskedQuestion], family: str, folds: int, draws: int, seed: int
) -> TextBaseline:
    parts = [question.part for question in asked]
    if len(set(parts)) < folds:
        raise ValueError(
            f"Family {family!r} has questions in {len(set(parts))} parts; at least {folds} are "
            "needed for as many folds: give more scenes or choose fewer folds."
        )
    frequent = Counter(question.answer for question in asked).most_common(1)[0][0]
    majority = np.array([question.answer == frequent for question in asked])
    text = np.zeros(len(asked), bool)
    for fitted, tested in GroupKFold(folds).split(parts, groups=parts):
        text[tested] = answered_from_words([asked[i] for i in fitted], [asked[i] for i in tested])
    scenes = np.array([question.scene for question in asked])
    resampling = Resampling.of_groups(scenes, draws=draws, rng=np.random.default_rng(seed))
    return TextBaseline(
        len(asked),
        bootstrap_interval(lambda counts: _share(counts, majority), resampling),
        bootstrap_interval(lambda counts: _share(counts, text), resampling),
        bootstrap_difference(
            lambda counts: _share(counts, text), lambda counts: _share(counts, majority), resampling
        ),
    )


def answered_from_words(
    train: Sequence[AskedQuestion], test: Sequence[AskedQuestion]
) -> Bool[np.ndarray, " n"]:
    """Which test questions are answered rightly from which words and pairs of words they have."""
    answers = np.array([question.answer for question in test])
    known = sorted({question.answer for question in train})
    if len(known) == 1:
        return answers == known[0]
    model = make_pipeline(
        CountVectorizer(binary=True, ngram_range=(1, 2), token_pattern=WORDS),
        LogisticRegression(max_iter=1000),
    )
    model.fit([question.text for question in train], [question.answer for question in train])
    return np.asarray(model.predict([question.text for question in test]) == answers)


def _share(counts: Counts, right: Bool[np.ndarray, " n"]) -> np.ndarray:
    return counts @ right / counts.sum(axis=1)
