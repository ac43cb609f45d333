"""Held-out parts and class-balanced draws."""

import numpy as np
import pytest

from jepakit.evals.images.label_draws import balanced_draw, balanced_folds, hold_out

LABELS = np.repeat([0, 1, 2], [10, 2, 31])
NAMES = ("a", "b", "c")


def test_every_class_is_on_both_sides_and_no_row_twice():
    fit, selection = hold_out(LABELS, 0.2, np.random.default_rng(0), classes=NAMES)
    assert sorted([*fit, *selection]) == list(range(len(LABELS)))
    assert np.bincount(LABELS[selection]).tolist() == [2, 1, 6]
    most = hold_out(LABELS, 0.99, np.random.default_rng(0), classes=NAMES)[0]
    assert np.bincount(LABELS[most]).tolist() == [1, 1, 1]


def test_draws_are_balanced_repeatable_and_differ():
    labels = np.repeat([0, 1, 2], [40, 30, 50])
    draws = [
        balanced_draw(labels, 0.1, np.random.default_rng(seed), classes=NAMES) for seed in (0, 0, 1)
    ]
    assert np.bincount(labels[draws[0]]).tolist() == [4, 4, 4]
    assert draws[0].tolist() == draws[1].tolist() != draws[2].tolist()
    least = balanced_draw(labels, 1e-6, np.random.default_rng(0), classes=NAMES)
    assert np.bincount(labels[least]).tolist() == [1, 1, 1]


def test_every_picture_is_drawn_equally_often():
    labels = np.repeat([0, 1], [10, 20])
    counts = np.zeros(30)
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        counts[balanced_draw(labels, 4 / 30, rng, classes=("a", "b"))] += 1
    np.testing.assert_allclose(counts[:10] / 2000, 2 / 10, atol=0.04)
    np.testing.assert_allclose(counts[10:] / 2000, 2 / 20, atol=0.04)


def test_folds_share_out_each_class():
    fold = balanced_folds(LABELS, 3, np.random.default_rng(0))
    for label in range(3):
        counts = np.bincount(fold[label == LABELS], minlength=3)
        assert counts.max() - counts.min() <= 1


def test_classes_that_are_too_small():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"at least 2 readable.*1 of 4 have fewer: 'd' \(0\)"):
        hold_out(LABELS, 0.2, rng, classes=(*NAMES, "d"))
    with pytest.raises(ValueError, match=r"at least 3 .*share of 0.2; 1 of 3 .*'b' \(2\).*--share"):
        balanced_draw(LABELS, 0.2, rng, classes=NAMES)
    for share in (0.0, 1.1):
        with pytest.raises(ValueError, match=f"share must lie above 0 .*got {share}"):
            balanced_draw(LABELS, share, rng, classes=NAMES)
    with pytest.raises(ValueError, match="held-out share must lie between 0 and 1, got 1"):
        hold_out(LABELS, 1.0, rng, classes=NAMES)
