"""Tests by exchange against enumeration, scipy, hand cases and their own promise."""

from itertools import product

import numpy as np
import pytest
import scipy.stats

from jepakit.evals.permutation_tests import holm, permutation_p, sign_flip_p


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("n", range(1, 15))
def test_small_samples_are_enumerated(n):
    d = rng(n).normal(size=n) + 0.5
    sums = np.abs(np.array([*product((1, -1), repeat=n)]) @ d)
    expected = np.mean(sums >= abs(d.sum()) * (1 - 1e-12))
    assert sign_flip_p(d, rng=rng()) == expected


@pytest.mark.parametrize("n", [15, 17])
@pytest.mark.parametrize("shift", [0.0, 0.4, 1.2])
def test_larger_samples_are_within_monte_carlo_error_of_enumeration(n, shift):
    d = rng(n).normal(size=n) + shift
    expected = np.mean(np.abs(np.array([*product((1, -1), repeat=n)]) @ d) >= abs(d.sum()) - 1e-12)
    error = np.sqrt(expected * (1 - expected) / 20_000) + 1 / 20_001  # the data are one pattern
    assert sign_flip_p(d, rng=rng()) == pytest.approx(expected, abs=4 * error)


def test_ties_count_whatever_the_order_of_the_sum():
    d = np.array([0.1, 0.2, 0.3, 0.6, 0.7])
    sums = [abs(np.dot(s, [1, 2, 3, 6, 7])) for s in product((1, -1), repeat=5)]
    assert sign_flip_p(d * [1, 1, 1, -1, 1], rng=rng()) == np.mean(np.array(sums) >= 7)


def test_twelve_of_one_sign_reach_the_smallest_p():
    assert sign_flip_p(np.arange(1.0, 13.0), rng=rng()) == 2 / 2**12
    assert sign_flip_p(-np.arange(1.0, 13.0), rng=rng()) == 2 / 2**12


def test_fourteen_are_exact_and_fifteen_drawn():
    d = rng(1).normal(size=15) + 0.3
    assert sign_flip_p(d[:14], rng=rng(1)) == sign_flip_p(d[:14], rng=rng(2))
    assert sign_flip_p(d, rng=rng(1)) != sign_flip_p(d, rng=rng(2))


def test_drawn_p_counts_the_data_as_one_pattern():
    d = np.ones(40)
    assert sign_flip_p(d, rng=rng(), draws=99) == 1 / 100
    signs = 1 - 2 * rng(5).integers(0, 2, (99, 40))
    d = rng(6).normal(size=40)
    as_large = (np.abs(signs @ d) >= abs(d.sum())).sum()
    assert sign_flip_p(d, rng=rng(5), draws=99) == (1 + as_large) / 100


def test_drawn_p_agrees_with_scipy():
    d = rng(3).normal(size=30) + 0.4
    theirs = scipy.stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=20_000, rng=rng(4)
    ).pvalue
    assert sign_flip_p(d, rng=rng()) == pytest.approx(theirs, abs=4 * np.sqrt(theirs / 20_000))


def test_chunks_change_nothing(monkeypatch):
    d = rng(3).normal(size=30) + 0.2
    whole = sign_flip_p(d, rng=rng(), draws=500)
    monkeypatch.setattr("jepakit.evals.permutation_tests.CHUNK_ELEMENTS", 2100)
    assert sign_flip_p(d, rng=rng(), draws=500) == whole


def test_p_is_uniform_without_an_effect():
    p = [sign_flip_p(rng(s).normal(size=20), rng=rng(s + 1), draws=400) for s in range(200)]
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.01


def test_permutation_p_by_hand():
    null = np.array([0.1, 0.5, 0.5, 0.9])
    assert permutation_p(0.5, null) == 4 / 5
    assert permutation_p(1.0, null) == 1 / 5
    assert permutation_p(0.0, null) == 1.0


def test_holm_by_hand():
    # Rising: .01 x 4, .02 x 3, .03 x 2 = .06, .5 x 1.
    np.testing.assert_allclose(holm(np.array([0.02, 0.5, 0.01, 0.03])), [0.06, 0.5, 0.04, 0.06])
    np.testing.assert_allclose(holm(np.array([0.4, 0.3])), [0.6, 0.6])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])
    assert holm(np.array([])).shape == (0,)


@pytest.mark.parametrize(
    ("d", "draws"), [(np.zeros(0), 9), (np.array([1.0, np.nan]), 9), (np.ones(3), 0)]
)
def test_refuses_differences_it_cannot_test(d, draws):
    with pytest.raises(ValueError, match="finite differences and at least 1 draw"):
        sign_flip_p(d, rng=rng(), draws=draws)


@pytest.mark.parametrize(
    ("observed", "null"),
    [(float("nan"), np.ones(3)), (1.0, np.zeros(0)), (1.0, np.full(2, np.nan))],
)
def test_refuses_a_null_it_cannot_compare_with(observed, null):
    with pytest.raises(ValueError, match="finite values"):
        permutation_p(observed, null)


@pytest.mark.parametrize("p", [[-0.1, 0.5], [0.5, 1.1], [np.nan, 0.1]])
def test_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(np.array(p))
