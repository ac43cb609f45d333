"""Intervals against scipy, closed forms, and their own promise (coverage)."""

import numpy as np
import pytest
import scipy.stats

from jepakit.evals.scores import auroc
from jepakit.evals.statistics import (
    Resampling,
    average,
    bootstrap_difference,
    bootstrap_interval,
)


def mean_of(values):
    return lambda counts: counts @ values / counts.sum(axis=1)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("method", "theirs"), [("percentile", "percentile"), ("bca", "BCa")])
def test_same_draws_give_scipys_interval(method, theirs):
    values = rng(1).exponential(size=40)
    expected = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=3000, method=theirs, rng=rng(7)
    ).confidence_interval
    ours = bootstrap_interval(
        mean_of(values), Resampling.of_items(40, draws=3000, rng=rng(7)), method=method
    )
    np.testing.assert_allclose((ours.low, ours.high), expected, rtol=1e-12)
    assert ours.estimate == pytest.approx(values.mean(), abs=1e-12)


def test_standard_error_of_a_mean_is_the_closed_form():
    values = rng(2).normal(size=50)
    resampling = Resampling.of_items(50, draws=20_000, rng=rng(3))
    spread = resampling.distribution(mean_of(values)).draws.std()
    assert spread == pytest.approx(values.std() / np.sqrt(50), rel=0.02)


def test_groups_move_together_so_the_error_is_that_of_group_means():
    level = rng(4).normal(size=20)
    groups = np.repeat(np.arange(20), 5)
    resampling = Resampling.of_groups(groups, draws=20_000, rng=rng(5))
    spread = resampling.distribution(mean_of(np.repeat(level, 5))).draws.std()
    assert spread == pytest.approx(level.std() / np.sqrt(20), rel=0.02)


def test_group_names_and_their_order_do_not_matter():
    values, groups = rng(6).normal(size=30), np.repeat(["a", "b", "c"], 10)
    order = rng(8).permutation(30)
    first = bootstrap_interval(mean_of(values), Resampling.of_groups(groups, draws=200, rng=rng(9)))
    second = bootstrap_interval(
        mean_of(values[order]), Resampling.of_groups(groups[order], draws=200, rng=rng(9))
    )
    np.testing.assert_allclose((first.low, first.high), (second.low, second.high), rtol=1e-12)


def test_every_draw_takes_as_many_groups_as_there_are():
    resampling = Resampling.of_groups(list("aabbbc"), draws=50, rng=rng())
    assert (resampling.counts.sum(axis=1) == 3).all()


def test_chunks_change_nothing(monkeypatch):
    values, resampling = rng(1).normal(size=31), Resampling.of_items(31, draws=100, rng=rng())
    whole = resampling.distribution(mean_of(values), "bca")
    monkeypatch.setattr("jepakit.evals.statistics.CHUNK_ELEMENTS", 70)
    parts = resampling.distribution(mean_of(values), "bca")
    np.testing.assert_allclose(whole.draws, parts.draws, rtol=1e-12)
    np.testing.assert_allclose(whole.left_out, parts.left_out, rtol=1e-12)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_constant_data_give_a_point(method):
    resampling = Resampling.of_items(12, draws=100, rng=rng())
    interval = bootstrap_interval(mean_of(np.full(12, 3.5)), resampling, method=method)
    np.testing.assert_allclose((interval.low, interval.high), 3.5, rtol=1e-12)


def test_paired_difference_sees_what_two_intervals_hide():
    hard = rng(3).normal(size=80)
    first, second = mean_of(hard + 0.1), mean_of(hard + rng(4).normal(scale=0.1, size=80))
    resampling = Resampling.of_items(80, draws=2000, rng=rng())
    alone = [bootstrap_interval(s, resampling) for s in (first, second)]
    gap = bootstrap_difference(first, second, resampling)
    assert not alone[0].is_disjoint(alone[1])
    assert 0 < gap.low < 0.1 < gap.high
    assert gap.high - gap.low < 0.2 * (alone[0].high - alone[0].low)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_difference_of_equal_statistics_is_exactly_zero(method):
    statistic = mean_of(rng().normal(size=9))
    resampling = Resampling.of_items(9, draws=50, rng=rng())
    gap = bootstrap_difference(statistic, statistic, resampling, method=method)
    assert (gap.estimate, gap.low, gap.high) == (0.0, 0.0, 0.0)


def test_average_over_seeds_is_the_average_of_the_statistics():
    values = rng().normal(size=(3, 20))
    resampling = Resampling.of_items(20, draws=60, rng=rng())
    each = average([resampling.distribution(mean_of(v), "bca") for v in values])
    joint = resampling.distribution(mean_of(values.mean(axis=0)), "bca")
    np.testing.assert_allclose(each.draws, joint.draws, rtol=1e-10)
    np.testing.assert_allclose(each.left_out, joint.left_out, rtol=1e-10)
    assert each.estimate == pytest.approx(joint.estimate)


def test_few_undefined_draws_are_left_out():
    def rarely_undefined(counts):
        values = counts @ np.arange(30.0) / 30
        return np.where(counts[:, 0] > 4, np.nan, values)

    resampling = Resampling.of_items(30, draws=3000, rng=rng())
    assert 0 < np.isnan(resampling.distribution(rarely_undefined).draws).mean() < 0.05
    assert np.isfinite(bootstrap_interval(rarely_undefined, resampling).low)


def share_of_first_item(counts):
    return np.where(counts[:, 0] > 0, counts[:, 0], np.nan)


def test_refuses_one_group():
    with pytest.raises(ValueError, match="at least 2 groups to resample, got 1"):
        Resampling.of_groups(["only"] * 5, draws=10, rng=rng())


def test_refuses_no_draws():
    with pytest.raises(ValueError, match="at least 1 draw, got 0"):
        Resampling.of_items(5, draws=0, rng=rng())


def test_refuses_mostly_undefined_draws():
    with pytest.raises(ValueError, match=r"undefined in \d+"):
        bootstrap_interval(share_of_first_item, Resampling.of_items(9, draws=300, rng=rng()))


def test_refuses_a_statistic_undefined_on_the_data():
    nothing = mean_of(np.full(5, np.nan))
    with pytest.raises(ValueError, match="undefined on the data"):
        bootstrap_interval(nothing, Resampling.of_items(5, draws=10, rng=rng()))


def test_refuses_an_impossible_confidence():
    resampling = Resampling.of_items(5, draws=10, rng=rng())
    with pytest.raises(ValueError, match=r"between 0 and 1, got 95\.0"):
        bootstrap_interval(mean_of(np.arange(5.0)), resampling, confidence=95.0)


def test_refuses_bca_when_a_group_is_indispensable():
    def needs_first(counts):
        return np.where(counts[:, 0] > 0, counts @ np.arange(200.0), np.nan)

    groups = np.zeros(200, dtype=int)
    groups[1:] = np.arange(199) % 8 + 1
    resampling = Resampling.of_groups(groups, draws=5, rng=rng(3))
    resampling.counts[:, 0] = 1
    with pytest.raises(ValueError, match="undefined for 1 of 9 groups"):
        bootstrap_interval(needs_first, resampling, method="bca")


def test_refuses_to_compare_different_draws():
    statistic = mean_of(np.arange(6.0))
    first, second = (Resampling.of_items(6, draws=10, rng=rng()) for _ in range(2))
    with pytest.raises(ValueError, match="same Resampling"):
        _ = first.distribution(statistic) - second.distribution(statistic)


def coverage(repeats, *, clustered, method="percentile", skewed=False):
    hits = 0
    for repeat in range(repeats):
        draw = rng(1000 + repeat)
        if skewed:
            values, groups, truth = draw.exponential(size=40), np.arange(40), 1.0
        else:
            groups = np.repeat(np.arange(40), 6)
            values = np.repeat(draw.normal(size=40), 6) + 0.5 * draw.normal(size=240)
            truth = 0.0
        names = groups if clustered else np.arange(len(groups))
        resampling = Resampling.of_groups(names, draws=500, rng=rng(repeat))
        interval = bootstrap_interval(mean_of(values), resampling, method=method)
        hits += interval.low <= truth <= interval.high
    return hits / repeats


def test_grouped_intervals_cover_and_ungrouped_ones_do_not():
    assert coverage(120, clustered=True) > 0.88
    assert coverage(120, clustered=False) < 0.75


@pytest.mark.parametrize(
    ("items", "clusters", "least", "most"),
    [(100, 100, 0.93, 0.97), (24, 24, 0.89, 0.94), (12, 4, 0.75, 0.85), (24, 8, 0.85, 0.91)],
)
def test_coverage_of_a_known_mean(items, clusters, least, most):
    """95 % is kept from about 40 groups on: 24 images give 91.5 %, 8 classes 88 %, 4 classes 80 %.

    The binomial error of 500 repeats is 1 to 1.8 %.
    """
    names = np.repeat(np.arange(clusters), items // clusters)
    hits = 0
    for repeat in range(500):
        draw = rng([items, repeat])
        values = 0.14 + 0.1 * (draw.normal(size=clusters)[names] + draw.normal(size=items))
        resampling = Resampling.of_groups(names, draws=1000, rng=draw)
        interval = bootstrap_interval(mean_of(values), resampling)
        hits += interval.low <= 0.14 <= interval.high
    assert least <= hits / 500 <= most


@pytest.mark.slow
def test_coverage_over_many_data_sets():
    # 95 % promised; 40 groups give about 94 %, the binomial error of 1000 repeats is 0.7 %.
    assert coverage(1000, clustered=True) == pytest.approx(0.94, abs=0.02)
    assert coverage(1000, clustered=False) < 0.7
    percentile = coverage(1000, clustered=True, skewed=True)
    bca = coverage(1000, clustered=True, skewed=True, method="bca")
    assert percentile > 0.9
    assert bca > percentile - 0.005


@pytest.mark.slow
@pytest.mark.parametrize(("groups", "expected"), [(20, 0.925), (40, 0.945), (100, 0.945)])
def test_coverage_of_an_auroc_over_groups(groups, expected):
    # Scores: the class, a level shared by a group, and noise; their difference is normal.
    truth = scipy.stats.norm.cdf(1 / np.sqrt(2 * (0.7**2 + 1)))
    hits = 0
    for repeat in range(400):
        draw = rng(repeat)
        names = np.repeat(np.arange(groups), 5)
        positive = draw.random(5 * groups) < 0.4
        score = positive + 0.7 * draw.normal(size=groups)[names] + draw.normal(size=5 * groups)
        resampling = Resampling.of_groups(names, draws=500, rng=rng(repeat))
        interval = bootstrap_interval(auroc(positive, score), resampling)
        hits += interval.low <= truth <= interval.high
    assert hits / 400 == pytest.approx(expected, abs=0.03)
