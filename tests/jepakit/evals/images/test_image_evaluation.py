"""Readouts of made-up features: perfect, meaningless, and never chosen by the test pictures."""

import dataclasses
import json

import numpy as np
import pytest

from jepakit.evals.images.image_evaluation import MAJORITY, Entrant, evaluate_images
from jepakit.evals.images.image_features import ImageTable
from jepakit.evals.images.image_readouts import (
    KNN,
    LAST,
    ImageSettings,
    LabelPlan,
    read_features,
)
from jepakit.evals.images.image_result import ImageResult
from jepakit.evals.images.linear_sweep import LinearSweep
from jepakit.evals.images.nearest_neighbours import neighbour_votes
from jepakit.evals.item_scores import ItemScores

CLASSES = tuple("abcdefg")
SWEEP = LinearSweep(lrs=(0.1, 1.0), weight_decays=(0.0, 1e-2), steps=60)
SETTINGS = ImageSettings(
    share=0.1, share_draws=2, neighbours=(3, 500), sweep=SWEEP, strengths=(1.0, 0.1), draws=200
)
ENTRANTS = {
    "encoder": Entrant(("encoder",), "the first"),
    "random init": Entrant(("twin 0", "twin 1"), "the others"),
}
READOUTS = (KNN, LAST, "linear, last 2 levels", SETTINGS.few)


def table(side: str, n: int, *, noise: float) -> ImageTable:
    """Features of two levels around a centre for each class."""
    rng = np.random.default_rng([n, len(side)])
    labels = np.arange(n) % 7
    centres = np.random.default_rng(5).normal(size=(7, 12))

    def features(spread: float) -> np.ndarray:
        around = centres[labels][:, None] + spread * rng.normal(size=(n, 2, 12))
        return around.astype(np.float32)

    values = {"encoder": features(noise), "twin 0": features(3.0), "twin 1": features(4.0)}
    names = tuple(f"{side}/{i:03d}.png" for i in range(n))
    return ImageTable(names, labels, values, tuple(f"{side}{i}".encode() for i in range(n)), {})


def evaluated(train: ImageTable, test: ImageTable, **changes: object) -> ImageResult:
    settings = dataclasses.replace(SETTINGS, **changes)
    return evaluate_images(ENTRANTS, train, test, CLASSES, settings, source={"run": "toy"})


@pytest.fixture(scope="module")
def perfect() -> ImageResult:
    return evaluated(table("train", 140, noise=0.01), table("test", 70, noise=0.01))


def test_separable_features_are_read_without_error(perfect):
    for readout in READOUTS:
        score = perfect.score("encoder", readout)
        assert (score.top1.estimate, score.top1.low) == (1.0, 1.0)
        assert score.top5.estimate == 1.0
        assert perfect.score("random init", readout).encoder_minus_this.low > 0
    assert perfect.items.mean == 1.0
    assert perfect.items.items[0] == perfect.items.groups[0] == "test/000.png"


def test_repetitions_are_untrained_draws_times_draws_of_labels(perfect):
    assert len(perfect.score("encoder", KNN).repetitions) == 1
    assert len(perfect.score("encoder", SETTINGS.few).repetitions) == 2
    twins = perfect.score("random init", SETTINGS.few)
    assert len(twins.repetitions) == len(twins.chosen) == 4
    assert twins.top1.estimate == pytest.approx(np.mean(twins.repetitions))


def test_the_majority_class_and_numbers_of_neighbours(perfect):
    majority = perfect.score(MAJORITY, LAST)
    assert majority.top1.estimate == pytest.approx(1 / 7)
    assert majority.top5.estimate == pytest.approx(5 / 7)
    _, rows = perfect.table(detail=True)
    assert [row[0] for row in rows] == ["kNN, k=3", "kNN, k=112"]  # capped by what is fitted on
    chosen = perfect.score("encoder", KNN)
    assert chosen.top1 == perfect.score("encoder", "kNN, k=3").top1
    assert list(chosen.selection) == ["k=3", "k=112"]


def test_all_training_pictures_vote_in_the_end():
    train, test = table("train", 140, noise=1.0), table("test", 70, noise=1.0)
    plan = LabelPlan.of(train.labels, CLASSES, SETTINGS)
    readings = read_features(train.values["encoder"], test.values["encoder"], plan, SETTINGS)
    last = [np.ascontiguousarray(side.values["encoder"][:, -1]) for side in (train, test)]
    k = int(readings[0].chosen[0]["k"])
    votes = neighbour_votes(last[0], train.labels, last[1], classes=7, ks=(k,))
    np.testing.assert_allclose(readings[0].score[0], votes[k], rtol=1e-5)


def test_features_that_say_nothing_are_worth_chance():
    found = evaluated(table("train", 140, noise=1e4), table("test", 700, noise=1e4))
    for readout in READOUTS:
        assert abs(found.score("encoder", readout).top1.estimate - 1 / 7) < 0.05
        assert abs(found.score("encoder", readout).top5.estimate - 5 / 7) < 0.07


def test_no_test_picture_influences_a_choice():
    train, test = table("train", 140, noise=2.0), table("test", 70, noise=2.0)
    rng = np.random.default_rng(0)
    other = dataclasses.replace(test, labels=rng.permutation(test.labels))
    one, two = evaluated(train, test), evaluated(train, other)
    for first, second in zip(one.scores, two.scores, strict=True):
        assert (first.chosen, first.selection) == (second.chosen, second.selection)
    assert one.items.mean - two.items.mean > 0.1
    blind = dataclasses.replace(test, values={k: v * 0 for k, v in test.values.items()})
    for first, third in zip(one.scores, evaluated(train, blind).scores, strict=True):
        assert (first.chosen, first.selection) == (third.chosen, third.selection)


def test_few_classes_have_no_top5(perfect):
    train, test = (
        dataclasses.replace(t, labels=t.labels % 2)
        for t in (table("train", 140, noise=0.1), table("test", 70, noise=0.1))
    )
    found = evaluate_images(ENTRANTS, train, test, ("a", "b"), SETTINGS, source={})
    assert all(score.top5 is None for score in found.scores)
    assert found.table("top5") == (["readout"], [])
    assert "Top-5" not in found.to_markdown()


def test_shared_pictures_are_told(tmp_path):
    train, test = table("train", 140, noise=0.1), table("test", 70, noise=0.1)
    test = dataclasses.replace(test, digests=(*train.digests[:3], *test.digests[3:]))
    test = dataclasses.replace(test, faults={"test/lost.png": "truncated"})
    found = evaluated(train, test)
    assert found.source["test pictures that equal a training picture at this size"] == "3"
    assert found.source["training pictures"].startswith("140 (20 to 20 per class), 28 of them")
    paths = found.write(tmp_path)
    record = json.loads(paths[0].read_text())
    assert record["damaged"] == {"test/lost.png": "truncated"}
    assert len(record["scores"]) == len(found.scores)
    text = paths[1].read_text()
    assert "| linear, last 2 levels |" in text
    assert "- test/lost.png: truncated" in text
    np.testing.assert_array_equal(ItemScores.read(paths[2]).values, found.items.values)


def test_settings_that_mean_nothing():
    with pytest.raises(ValueError, match=r"at least 1, got 0, 2000 and"):
        ImageSettings(share_draws=0)
    with pytest.raises(ValueError, match=r"at least 1, got 3, 2000 and \[0\]"):
        ImageSettings(neighbours=(0,))
