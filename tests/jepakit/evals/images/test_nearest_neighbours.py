"""Weighted kNN against a slow loop and against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from jepakit.evals.images.nearest_neighbours import choose_neighbours, neighbour_votes


def blobs(n: int, seed: int, *, classes: int = 4, spread: float = 1.0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, 8))
    labels = rng.integers(0, classes, n)
    labels[:classes] = range(classes)
    features = centres[labels] + spread * rng.normal(size=(n, 8))
    return features.astype(np.float32), labels


def slow_votes(bank, labels, query, k, temperature, classes):
    def cosine(a, b):
        dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
        return dot / math.sqrt(sum(float(x) ** 2 for x in a) * sum(float(y) ** 2 for y in b))

    near = sorted(((cosine(query, row), label) for row, label in zip(bank, labels, strict=True)))
    votes = [0.0] * classes
    for similarity, label in near[::-1][:k]:
        votes[label] += math.exp(similarity / temperature)
    return votes


def test_votes_are_those_of_a_slow_loop():
    bank, labels = blobs(40, 0)
    queries, _ = blobs(11, 1)
    votes = neighbour_votes(bank, labels, queries, classes=4, ks=(1, 5, 40), chunk=4)
    for k, found in votes.items():
        expected = [slow_votes(bank, labels, q, k, 0.07, 4) for q in queries]
        np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_answers_are_those_of_scikit_learn():
    bank, labels = blobs(300, 0)
    queries, _ = blobs(100, 1)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (bank, queries)]

    def weights(distances):  # |a - b|^2 = 2 - 2 cos
        return np.exp((1 - distances**2 / 2) / 0.07)

    votes = neighbour_votes(bank, labels, queries, classes=4, ks=(10, 20))
    for k, found in votes.items():
        theirs = KNeighborsClassifier(k, weights=weights).fit(unit[0], labels)
        shares = found / found.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, theirs.predict_proba(unit[1]), atol=1e-4)


def test_length_of_features_does_not_matter_and_zeros_are_no_trouble():
    bank, labels = blobs(30, 0)
    queries, _ = blobs(5, 1)
    queries[0] = 0
    one, other = (
        neighbour_votes(bank * c, labels, queries * c, classes=4, ks=(3,))[3] for c in (1, 64)
    )
    np.testing.assert_allclose(one, other, rtol=1e-4)
    assert np.isfinite(one).all()


def test_the_number_is_chosen_on_held_out_pictures_and_capped():
    features, labels = blobs(60, 0, spread=2.0)
    fit, selection = np.arange(40), np.arange(40, 60)
    chosen = choose_neighbours(features, labels, fit, selection, classes=4, ks=(1, 5, 100, 200))
    assert list(chosen.selection) == [1, 5, 40]
    best = max(chosen.selection.values())
    assert chosen.k == min(k for k, accuracy in chosen.selection.items() if accuracy == best)
    for k, accuracy in chosen.selection.items():  # none of the pictures asked about may vote
        votes = [
            slow_votes(features[fit], labels[fit], features[row], k, 0.07, 4) for row in selection
        ]
        assert accuracy == (np.argmax(votes, axis=1) == labels[selection]).mean()
    apart, labels = blobs(60, 0, spread=1e-3)
    easy = choose_neighbours(apart, labels, fit, selection, classes=4, ks=(1, 5))
    assert (easy.k, easy.selection[1]) == (1, 1.0)


def test_more_neighbours_than_pictures():
    bank, labels = blobs(10, 0)
    with pytest.raises(ValueError, match=r"from 1 to 10, got \[5, 11\]"):
        neighbour_votes(bank, labels, bank, classes=4, ks=(5, 11))
