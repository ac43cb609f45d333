"""AUCCESS against hand-computed cases, the benchmark's own function, and slow bootstraps."""

import math

import numpy as np
import pytest

from jepakit.evals.phyre.auccess import (
    TaskDraws,
    mean_of_folds,
    solved_at,
    solved_within,
    task_auccess,
)
from worlds.phyre import auccess


def test_hand_computed():
    """w_k / ln 101 summed by hand (ln 101 = 4.615121)."""
    cases = {1: 1.0, 2: 0.849810, 10: 0.501078, 100: 0.002156, 0: 0.0, 101: 0.0, 150: 0.0}
    np.testing.assert_allclose(task_auccess(np.array([*cases])), [*cases.values()], atol=1e-6)


def test_equals_the_formula_term_by_term():
    for first in range(1, 101):
        slow = sum(math.log(k + 1) - math.log(k) for k in range(first, 101)) / math.log(101)
        assert task_auccess(np.array([first]))[0] == pytest.approx(slow)


def test_attempts_are_valid_actions_only():
    assert solved_at([1]) == 1
    assert solved_at([0, 0, -1, 0, 1, 1]) == 2
    assert solved_at([-1] * 99 + [0] * 50 + [1]) == 100
    assert solved_at([-1] * 100 + [1]) == 0
    assert solved_at([0, 0]) == 0
    assert solved_at(np.array([], int)) == 0
    with pytest.raises(ValueError, match="2 is not a valid Status"):
        solved_at([2])


def test_mean_over_tasks_is_the_benchmarks_auccess():
    rng = np.random.default_rng(0)
    rows = {str(i): rng.choice([-1, 0, 1], 90, p=[0.8, 0.17, 0.03]).tolist() for i in range(50)}
    ours = task_auccess(np.array([solved_at(row) for row in rows.values()])).mean()
    assert ours == pytest.approx(auccess(rows))


def test_solved_within():
    attempts = np.array([[1, 5, 0], [2, 5, 100]])
    np.testing.assert_allclose(solved_within(attempts, 1), [0.5, 0.0, 0.0])
    np.testing.assert_allclose(solved_within(attempts, 5), [1.0, 1.0, 0.0])
    np.testing.assert_allclose(solved_within(attempts, 100), [1.0, 1.0, 0.5])


def test_folds_weigh_the_same_whatever_their_size():
    folds = np.array([0, 0, 0, 7])
    values = np.array([0.0, 0.3, 0.6, 0.9])
    draws = TaskDraws.of(list("abcd"), folds.tolist(), draws=50)
    assert draws.over_tasks(values).estimate == pytest.approx((0.3 + 0.9) / 2)
    np.testing.assert_allclose(draws.by_fold(values), [0.3, 0.9])
    counts = np.array([[2.0, 0.0, 1.0, 3.0], [1.0, 1.0, 1.0, 0.0]])
    found = mean_of_folds(values, folds)(counts)
    np.testing.assert_allclose(found, [(0.2 + 0.9) / 2, np.nan])


def test_draws_of_tasks_equal_a_loop():
    rng = np.random.default_rng(1)
    names, folds, values = list("abcbad"), [0, 0, 0, 1, 1, 1], rng.random(6)
    draws = TaskDraws.of(names, folds, draws=20, seed=3)
    found = draws.over_tasks(values).draws
    order = sorted(set(names))
    for draw, counts in enumerate(draws.resampling.counts):
        means = []
        for fold in (0, 1):
            rows = [
                values[i]
                for i, name in enumerate(names)
                if folds[i] == fold
                for _ in range(counts[order.index(name)])
            ]
            means.append(np.mean(rows) if rows else np.nan)
        np.testing.assert_allclose(found[draw], np.mean(means))


def test_intervals_over_folds():
    values, folds = np.array([0.1, 0.1, 0.5, 0.5, 0.9, 0.9]), [0, 0, 1, 1, 2, 2]
    draws = TaskDraws.of(list("abcdef"), folds, draws=4000)
    interval = draws.over_folds(values)
    assert interval.estimate == pytest.approx(0.5)
    # All three draws are of the lowest fold with probability 1/27 = 3.7 %, above 2.5 %.
    assert (interval.low, interval.high) == (pytest.approx(0.1), pytest.approx(0.9))
    assert TaskDraws.of(["a", "b"], [4, 4], draws=10).over_folds(values[:2]) is None
