"""Specialists: found where planted, and p uniform where not; overlaps against enumeration."""

from itertools import combinations, product

import numpy as np
import pytest
import scipy.stats
from windowed_encoders import drawn

from explorer.windows import SharedSlices, TopOverlap, compare_runs, specialists
from explorer.windows.slice_order_test import slice_order_p
from explorer.windows.top_overlap import common_law


def rng(seed=0):
    return np.random.default_rng(seed)


def test_scores_contrasts_and_signs_are_those_of_loops():
    videos = [drawn(rng(seed), dims=6, shared=5) for seed in range(3)]
    found = specialists(videos, rng=rng(), top=2)
    for v, video in enumerate(videos):
        for j in range(6):
            by_slice = [np.abs(video.difference[s, ..., j]).mean() for s in range(5)]
            edge = (by_slice[0] + by_slice[4]) / 2
            assert found.scores[v, j] == pytest.approx(edge / video.spread[j])
            assert found.contrasts[v, j] == pytest.approx(edge / by_slice[2])
            signs = [np.sign(video.difference[s, ..., j].mean()) for s in (0, 4)]
            assert found.signs[v, :, j].tolist() == signs
    assert found.ranks[0].tolist() == [
        1 + sum(other > score for other in found.scores[0]) for score in found.scores[0]
    ]
    expected = scipy.stats.spearmanr(found.scores.T).statistic
    assert found.rank_correlation == pytest.approx(expected)


def test_planted_specialists_are_found_and_no_others():
    planted = [7, 23]
    videos = [drawn(rng(seed), planted=planted, strength=8.0) for seed in range(3)]
    found = specialists(videos, rng=rng(), top=2)
    rows = found.table(rows=5)
    assert sorted(row.dimension for row in rows[:2]) == planted
    for row in rows[:2]:
        assert row.median_rank <= 2
        assert row.in_top == 1
        assert row.contrast > 3
        assert row.edge_holm < 0.05
        assert row.own_holm < 0.05
    assert min(row.own_holm for row in rows[2:]) > 0.05
    assert found.overlap.common == 2
    assert found.overlap.common_p < 1e-4


def test_an_edge_that_all_dimensions_share_makes_none_of_them_special():
    level = np.array([6.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 6.0])
    plain = specialists([drawn(rng(s), level=level, dims=128) for s in range(3)], rng=rng())
    assert np.median(plain.edge_p) < 0.001
    assert scipy.stats.kstest(plain.own_p, "uniform").pvalue > 0.01
    assert min(row.own_holm for row in plain.table(rows=128)) > 0.05
    videos = [drawn(rng(seed), level=level, planted=[5], strength=8.0) for seed in range(3)]
    first = specialists(videos, rng=rng()).table(rows=1)[0]
    assert (first.dimension, first.own_holm < 0.05) == (5, True)


def test_large_dimensions_do_not_win_by_their_size():
    scale = np.ones(64)
    scale[11] = 500.0
    videos = [drawn(rng(s), scale=scale, planted=[7], strength=8.0) for s in range(3)]
    rows = specialists(videos, rng=rng()).table(rows=64)
    assert rows[0].dimension == 7
    assert [row.dimension for row in rows].index(11) > 3


def test_without_specialists_p_is_uniform():
    profiles = [rng(seed).gamma(5.0, size=(6, 2000)) for seed in range(3)]
    p = slice_order_p(profiles, rng=rng())
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.01
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_small_tests_are_enumerated():
    profiles = [rng(1).gamma(2.0, size=(3, 7)), rng(2).gamma(2.0, size=(4, 7))]

    def statistic(a, b, j):
        parts = [
            np.mean([profile[i, j] for i in pair]) / profile[:, j].mean()
            for profile, pair in zip(profiles, (a, b), strict=True)
        ]
        return sum(parts)

    pairs = [list(combinations(range(len(profile)), 2)) for profile in profiles]
    p = slice_order_p(profiles, rng=rng())
    for j in range(7):
        observed = statistic((0, 2), (0, 3), j) - 1e-12
        assert p[j] == np.mean([statistic(a, b, j) >= observed for a, b in product(*pairs)])


def test_drawn_p_is_near_the_exact_one(monkeypatch):
    profiles = [rng(seed).gamma(2.0, size=(5, 40)) for seed in range(3)]
    exact = slice_order_p(profiles, rng=rng())
    monkeypatch.setattr("explorer.windows.slice_order_test.EXACT_UP_TO", 10)
    monkeypatch.setattr("explorer.windows.slice_order_test.CHUNK_ELEMENTS", 40_000)
    p = slice_order_p(profiles, rng=rng(), draws=20_000)
    assert p == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(20_000))
    assert p.min() >= 1 / 20_001


def test_drawn_p_counts_the_order_of_the_data():
    profile = rng().gamma(2.0, size=(9, 3))
    profile[[0, -1]] += 1000
    assert slice_order_p([profile] * 4, rng=rng(), draws=9) == pytest.approx([1 / 10] * 3)


def test_the_size_of_a_video_does_not_matter():
    profiles = [rng(seed).gamma(2.0, size=(5, 9)) for seed in range(3)]
    larger = [profile * factor for profile, factor in zip(profiles, (1, 64, 1 / 1024), strict=True)]
    assert np.array_equal(slice_order_p(profiles, rng=rng()), slice_order_p(larger, rng=rng()))


def test_dimensions_that_never_differ_have_p_one():
    profiles = [rng(seed).gamma(2.0, size=(5, 3)) for seed in range(3)]
    for profile in profiles:
        profile[:, 1] = 0
    assert slice_order_p(profiles, rng=rng())[1] == 1


def test_overlap_of_pairs_is_hypergeometric():
    tops = np.zeros((3, 8), dtype=bool)
    for row, first in zip(tops, ([0, 1, 2], [1, 2, 3], [2, 6, 7]), strict=True):
        row[first] = True
    found = TopOverlap.of(tops)
    assert found.pairs.tolist() == [[3, 2, 1], [2, 3, 1], [1, 1, 3]]
    assert found.pair_chance == pytest.approx(9 / 8)
    sets = [set(s) for s in combinations(range(8), 3)]
    assert found.pair_p[0, 1] == pytest.approx(np.mean([len(s & {0, 1, 2}) >= 2 for s in sets]))
    assert found.common == 1
    assert found.common_chance == pytest.approx(8 * (3 / 8) ** 3)
    shared = [len(a & b & {0, 1, 2}) for a in sets for b in sets]
    assert found.common_p == pytest.approx(np.mean([n >= 1 for n in shared]))
    law = common_law(8, top=3, sets=3)
    assert law == pytest.approx(np.bincount(shared, minlength=4) / len(shared))
    assert law @ np.arange(4) == pytest.approx(found.common_chance)


def test_a_middle_without_differences_has_infinite_contrast():
    first = rng().normal(size=(4, 2, 2, 5))
    second = np.concatenate([first[1:], rng(1).normal(size=(1, 2, 2, 5))])
    second[0] += 1
    video = compare_runs(first, second, windows=SharedSlices(8, 2))
    assert np.isposinf(specialists([video] * 3, rng=rng(), top=2).contrasts).all()


def test_too_little_is_refused():
    videos = [drawn(rng(seed), dims=4) for seed in range(3)]
    with pytest.raises(ValueError, match="at least 3 videos"):
        specialists(videos[:2], rng=rng())
    with pytest.raises(ValueError, match=r"widths \[4, 4, 5\]"):
        specialists([*videos[:2], drawn(rng(), dims=5)], rng=rng())
    for top in (0, 4):
        with pytest.raises(ValueError, match=f"top must be 1 to 3, came {top}"):
            specialists(videos, rng=rng(), top=top)
    with pytest.raises(ValueError, match="at least 3 shared slices"):
        specialists([drawn(rng(), dims=4, shared=2)] * 3, rng=rng(), top=2)
    with pytest.raises(ValueError, match="0 draws"):
        specialists(videos, rng=rng(), top=2, draws=0)
    with pytest.raises(ValueError, match="0 or more"):
        slice_order_p([-np.ones((4, 2))], rng=rng())
    with pytest.raises(ValueError, match="of one size"):
        TopOverlap.of(np.eye(3, dtype=bool)[:1])
