"""Weighted scores against scikit-learn on the drawn items themselves."""

import numpy as np
import pytest
from sklearn.metrics import (
    balanced_accuracy_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
)

from jepakit.evals.scores import METRICS, auroc, balanced_accuracy, mae, r2, top_k
from jepakit.evals.statistics import Resampling

RNG = np.random.default_rng(0)
TRUTH = RNG.random(60) < 0.4
SCORE = np.round(TRUTH * 0.4 + RNG.random(60), 1)  # rounding makes ties
VALUE = RNG.normal(size=60)
GUESS = VALUE + RNG.normal(size=60)

CASES = {
    "auroc": (auroc(TRUTH, SCORE), roc_auc_score, TRUTH, SCORE),
    "balanced_accuracy": (
        balanced_accuracy(TRUTH, SCORE > 0.7),
        balanced_accuracy_score,
        TRUTH,
        SCORE > 0.7,
    ),
    "r2": (r2(VALUE, GUESS), r2_score, VALUE, GUESS),
    "mae": (mae(VALUE, GUESS), mean_absolute_error, VALUE, GUESS),
}


@pytest.mark.parametrize("name", CASES)
def test_every_draw_scores_like_its_items(name):
    statistic, reference, truth, guess = CASES[name]
    resampling = Resampling.of_items(60, draws=25, rng=np.random.default_rng(1))
    expected = []
    for counts in resampling.counts:
        rows = np.repeat(np.arange(60), counts)
        expected.append(reference(truth[rows], guess[rows]))
    np.testing.assert_allclose(resampling.distribution(statistic).draws, expected, rtol=1e-10)


def test_every_metric_is_described():
    assert set(METRICS) == set(CASES)


@pytest.mark.parametrize("statistic", [auroc(TRUTH, SCORE), balanced_accuracy(TRUTH, TRUTH)])
def test_one_class_alone_is_undefined(statistic):
    assert np.isnan(statistic(TRUTH[None].astype(float)))
    assert np.isnan(statistic((~TRUTH)[None].astype(float)))


def test_r2_of_a_constant_truth_is_undefined_despite_rounding():
    truth = np.array([0.1, 0.1, 0.1, 7.3])
    statistic = r2(truth, np.zeros(4))
    assert np.isnan(statistic(np.array([[1.0, 1.0, 2.0, 0.0]])))
    assert np.isfinite(statistic(np.ones((1, 4))))


def test_limits():
    ones = np.ones((1, 60))
    assert auroc(TRUTH, TRUTH * 1.0)(ones) == 1
    assert auroc(TRUTH, np.zeros(60))(ones) == 0.5
    assert r2(VALUE, VALUE)(ones) == 1
    assert r2(VALUE, np.full(60, VALUE.mean()))(ones) == pytest.approx(0)


def test_top_k_is_a_loop_over_sorted_scores():
    rng = np.random.default_rng(0)
    truth, score = rng.integers(0, 6, 50), rng.random((50, 6))
    counts = rng.integers(0, 3, (4, 50)).astype(float)
    for k in (1, 2, 5):
        hits = np.array([t in np.argsort(s)[-k:] for t, s in zip(truth, score, strict=True)])
        expected = [row @ hits / row.sum() for row in counts]
        np.testing.assert_allclose(top_k(truth, score, k)(counts), expected)


def test_top_k_of_ties_is_what_a_lot_would_give():
    ones = np.ones((1, 4))
    truth = np.arange(4)
    assert top_k(truth, np.ones((4, 8)), 1)(ones)[0] == pytest.approx(1 / 8)
    assert top_k(truth, np.ones((4, 8)), 5)(ones)[0] == pytest.approx(5 / 8)
    score = np.tile([3.0, 2.0, 2.0, 1.0], (4, 1))
    assert top_k(truth, score, 2)(ones)[0] == pytest.approx((1 + 0.5 + 0.5 + 0) / 4)
