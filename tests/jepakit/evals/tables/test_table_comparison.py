"""Intervals over seeds and items: by hand, in limits, and how often they cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student_t

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.statistics import Interval
from jepakit.evals.tables.comparison import (
    ComparisonSettings,
    mean_over_seeds,
    paired_difference,
    verdict,
)

BOTH = ("student", "bootstrap")


def scores(values: np.ndarray, *, per_group: int = 1, metric: str = "accuracy") -> ItemScores:
    items = [f"item {i}" for i in range(len(values))]
    groups = [f"group {i // per_group}" for i in range(len(values))]
    return ItemScores.of(metric, items, groups, values)


def planted(
    rng: np.random.Generator, seeds: int, items: int, *, seed_std: float, item_std: float
) -> list[ItemScores]:
    by_item = item_std * rng.normal(size=items)
    by_seed = seed_std * rng.normal(size=seeds)
    return [scores(by_item + shift) for shift in by_seed]


def test_two_groups_and_one_seed_by_hand() -> None:
    """Draws of two groups are (a, a), (a, b), (b, a), (b, b): means 0, 0.5 or 1."""
    found = mean_over_seeds([scores(np.array([0.0, 1.0]))])
    assert (found.estimate, found.low, found.high) == (0.5, 0.0, 1.0)
    half = mean_over_seeds([scores(np.array([0.0, 1.0]))], ComparisonSettings(confidence=0.4))
    assert (half.low, half.high) == (0.5, 0.5)


def test_groups_of_other_sizes_weigh_by_items() -> None:
    one = ItemScores.of("m", ["a", "b", "c"], ["x", "x", "y"], [1.0, 1.0, 0.0])
    found = mean_over_seeds([one], ComparisonSettings(confidence=0.4))
    assert found.estimate == pytest.approx(2 / 3)
    assert found.low == pytest.approx(2 / 3)
    assert mean_over_seeds([one]).high == 1.0  # group x twice: four items of 1


def test_seeds_alone_give_the_t_interval() -> None:
    """Items that are all alike leave the seeds: the textbook interval of three numbers."""
    means = np.array([0.2, 0.5, 0.8])
    found = mean_over_seeds(
        [scores(np.full(4, m)) for m in means], ComparisonSettings(draws=200_000)
    )
    half = student_t.ppf(0.975, 2) * means.std(ddof=1) / np.sqrt(3)
    assert found.estimate == pytest.approx(0.5)
    assert found.high - 0.5 == pytest.approx(half, rel=0.03)
    assert 0.5 - found.low == pytest.approx(half, rel=0.03)


def test_the_bootstrap_of_three_seeds_reaches_no_further_than_they_do() -> None:
    seeds = [scores(np.full(4, m)) for m in (0.2, 0.5, 0.8)]
    found = mean_over_seeds(seeds, ComparisonSettings(seeds="bootstrap"))
    assert (found.low, found.high) == (pytest.approx(0.2), pytest.approx(0.8))


@pytest.mark.parametrize("kind", BOTH)
def test_identical_rows_differ_by_exactly_nothing(kind: str) -> None:
    rng = np.random.default_rng(0)
    row = planted(rng, 3, 40, seed_std=1.0, item_std=1.0)
    found = paired_difference(row, row, ComparisonSettings(seeds=kind))
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)
    assert verdict(found, -1.0) == "open"


def test_equal_seeds_leave_the_items_alone() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=60)
    once = mean_over_seeds([scores(values)])
    for kind in BOTH:
        thrice = mean_over_seeds([scores(values)] * 3, ComparisonSettings(seeds=kind))
        assert thrice.low == pytest.approx(once.low, abs=1e-12)
        assert thrice.high == pytest.approx(once.high, abs=1e-12)


@pytest.mark.parametrize("kind", BOTH)
def test_what_is_common_to_both_rows_cancels(kind: str) -> None:
    """Hard items and a lucky seed are in both rows; a shift of 0.1 is then known exactly."""
    rng = np.random.default_rng(2)
    row = planted(rng, 3, 50, seed_std=2.0, item_std=2.0)
    better = [scores(one.values + 0.1) for one in row]
    found = paired_difference(better, row, ComparisonSettings(seeds=kind))
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)
    alone = mean_over_seeds(row, ComparisonSettings(seeds=kind))
    assert alone.high - alone.low > 1.0


def test_pairs_are_seed_by_seed() -> None:
    row = [scores(np.full(4, v)) for v in (0.0, 1.0, 2.0)]
    swapped = [row[1], row[0], row[2]]
    assert paired_difference(row, row).high == 0
    assert paired_difference(row, swapped).high > 1


def test_repeats_and_changes_sign_with_the_order() -> None:
    rng = np.random.default_rng(3)
    one = planted(rng, 3, 30, seed_std=0.5, item_std=1.0)
    other = planted(rng, 3, 30, seed_std=0.5, item_std=1.0)
    forth, back = paired_difference(one, other), paired_difference(other, one)
    assert paired_difference(one, other) == forth
    assert forth.estimate == pytest.approx(-back.estimate)
    assert forth.low == pytest.approx(-back.high, rel=0.1)


@pytest.mark.parametrize(
    ("interval", "expected", "found"),
    [
        ((-0.3, -0.5, -0.1), -0.068, "yes"),
        ((-0.3, -0.5, -0.1), 0.02, "no"),
        ((0.3, 0.1, 0.5), 1.0, "yes"),
        ((-0.3, -0.5, 0.1), -1.0, "open"),
        ((0.0, 0.0, 0.0), -1.0, "open"),
    ],
)
def test_verdicts(interval: tuple[float, float, float], expected: float, found: str) -> None:
    assert verdict(Interval(*interval), expected) == found


def test_refusals() -> None:
    one, longer = scores(np.zeros(4)), scores(np.zeros(5))
    with pytest.raises(ValueError, match="No seed was measured"):
        mean_over_seeds([])
    with pytest.raises(ValueError, match="Seeds are paired, and there are 2 and 1"):
        paired_difference([one, one], [one])
    with pytest.raises(ValueError, match="Only the same items can be compared: 4 and 5, 4 of"):
        paired_difference([one], [longer])
    with pytest.raises(ValueError, match="'accuracy' cannot be compared with 'mse'"):
        paired_difference([one], [scores(np.zeros(4), metric="mse")])
    with pytest.raises(ValueError, match="at least 2 groups"):
        mean_over_seeds([scores(np.zeros(4), per_group=4)])


def coverage(kind: str, seeds: int, seed_std: float, *, repetitions: int = 600) -> float:
    """Share of simulated tables whose interval holds the true difference, which is 0."""
    rng = np.random.default_rng(4)
    settings = ComparisonSettings(draws=1000, seeds=kind)
    hits = 0
    for _ in range(repetitions):
        one = planted(rng, seeds, 80, seed_std=seed_std, item_std=1.0)
        other = planted(rng, seeds, 80, seed_std=seed_std, item_std=1.0)
        found = paired_difference(one, other, settings)
        hits += found.low <= 0 <= found.high
    return hits / repetitions


@pytest.mark.slow
class TestCoverage:
    """With 600 repetitions a true 95 % is measured between 93.0 and 96.7 %."""

    @pytest.mark.parametrize("seed_std", [0.0, 0.1, 1.0])
    def test_student_covers_with_three_seeds(self, seed_std: float) -> None:
        assert coverage("student", 3, seed_std) >= 0.93

    def test_student_covers_with_five_seeds(self) -> None:
        assert coverage("student", 5, 0.3) >= 0.93

    def test_the_bootstrap_covers_where_items_vary_most(self) -> None:
        assert coverage("bootstrap", 3, 0.0) >= 0.92

    def test_the_bootstrap_is_too_narrow_where_three_seeds_vary_most(self) -> None:
        assert 0.6 < coverage("bootstrap", 3, 1.0) < 0.85
