"""Statistics over scenes against bootstrap and sign flips of images, and what sites carry."""

import numpy as np
import pytest
from made_errors import GROUPS, IMAGES, LEVEL, made

from jepakit.evals.permutation_tests import holm
from jepakit.evals.repair.advantage import mean_interval
from jepakit.evals.repair.images.occluded_images import OBJECT
from jepakit.evals.repair.predictor.carried_errors import bound_of, carried_errors, taken_back
from jepakit.evals.repair.scene_statistics import SceneStatistics


@pytest.fixture(scope="module")
def carried():
    return carried_errors(made())


def site(carried, run, block, part):
    (one,) = (s for s in carried.sites if (s.run, s.block, s.part) == (run, block, part))
    return one


def test_sums_of_scenes_are_the_bootstrap_of_groups():
    rng = np.random.default_rng(3)
    groups = np.array(["b", "a", "c", "b", "d", "a", "a"])
    values = rng.normal(size=7)
    mine, theirs = (
        SceneStatistics(groups, seed=5).mean(values),
        mean_interval(values, groups, seed=5),
    )
    for name in ("estimate", "low", "high"):
        assert getattr(mine, name) == pytest.approx(getattr(theirs, name), abs=1e-12)


def test_a_scene_has_one_sign():
    scenes = SceneStatistics(GROUPS)
    values = np.ones(IMAGES)
    assert scenes.flip_p(values) == 2 / 2**12  # all of 12 scenes agree, not of 24 images
    assert scenes.least_p == 2 / 2**12
    opposed = np.tile([1.0, -1.0], 12)
    assert scenes.flip_p(opposed) == 1.0


def test_ratio_is_of_means_and_only_of_a_resolved_whole():
    rng = np.random.default_rng(0)
    whole = 1 + rng.normal(scale=0.3, size=IMAGES)
    ratio = SceneStatistics(GROUPS).ratio(0.25 * whole, whole)
    assert ratio is not None
    assert (ratio.estimate, ratio.low, ratio.high) == pytest.approx((0.25, 0.25, 0.25))
    skewed = SceneStatistics(GROUPS).ratio(whole**2, whole)
    assert skewed is not None
    assert skewed.estimate == pytest.approx((whole**2).mean() / whole.mean())
    for nothing in (whole - whole.mean(), -whole):
        assert SceneStatistics(GROUPS).ratio(whole, nothing) is None


def test_one_scene_has_no_interval():
    with pytest.raises(ValueError, match="at least 2 groups"):
        SceneStatistics(np.array(["a", "a"]))


def test_the_site_that_carries_half(carried):
    for run in ("dropped", "filled"):
        one = site(carried, run, 1, "attn")
        assert one.carried.estimate == pytest.approx(0.2, abs=0.01)
        assert one.share == pytest.approx(0.2 / LEVEL[run], abs=0.02)
        assert one.of_bound is not None
        bound = LEVEL[run] - 0.6
        assert one.of_bound.estimate == pytest.approx(0.2 / bound, abs=0.05)
        assert one.background.low < 0 < one.background.high
        assert one.gap.low > 0.18
        assert max(one.adjusted, one.gap_adjusted) <= 0.05


def test_the_last_stream_carries_all_and_rounding_nothing(carried):
    last, first = site(carried, "dropped", 3, "resid"), site(carried, "dropped", 0, "resid")
    assert last.of_bound is not None
    assert last.of_bound.low == pytest.approx(1, abs=1e-9)
    assert (first.carried.estimate, first.carried.low, first.p) == (0, 0, 1.0)
    bound = carried.bounds["dropped"]
    assert bound.object.estimate == pytest.approx(last.carried.estimate)
    assert bound.share == pytest.approx(last.share)
    assert bound.gap.estimate == pytest.approx(bound.object.estimate - bound.background.estimate)
    assert bound.gap_p == 2 / 2**12


def test_all_sites_of_both_runs_are_tested_at_once(carried):
    found = made()
    scenes = SceneStatistics(GROUPS)
    p = [
        scenes.flip_p(values)
        for run in ("dropped", "filled")
        for values in taken_back(found, run, OBJECT).reshape(-1, IMAGES)
    ]
    assert [s.p for s in carried.sites] == p
    np.testing.assert_allclose([s.adjusted for s in carried.sites], holm(np.array(p)))
    assert len(p) == 24
    assert carried.floor == pytest.approx(24 * 2 / 2**12)


def test_shares_of_a_bound_below_zero_are_not_given():
    found = made(bound=-0.3)
    assert bound_of(found, "dropped", OBJECT).mean() == pytest.approx(-0.3, abs=0.02)
    carried = carried_errors(found)
    assert carried.bounds["dropped"].object.high < 0
    assert all(s.of_bound is None for s in carried.sites)
    assert site(carried, "dropped", 1, "attn").carried.estimate < 0
