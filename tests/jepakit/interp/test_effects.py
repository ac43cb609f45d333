"""Causal effects, their ratios and patching success by hand, and where they are undefined."""

import numpy as np
import pytest

from jepakit.interp.effects import (
    bootstrap_means,
    causal_effect,
    causal_effect_ratio,
    patching_success_rate,
    ratio_of_draws,
)

BEFORE = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.3, 0.3, 0.4], [1.0, 0.0, 0.0]])
AFTER = np.array([[0.4, 0.6, 0.0], [0.1, 0.9, 0.0], [0.3, 0.4, 0.3], [1.0, 0.0, 0.0]])
LABELS = np.array([0, 1, 2, 0])
SPREAD = np.random.default_rng(7).normal(size=100)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_effect_by_hand():
    effect = causal_effect(BEFORE, AFTER, LABELS)
    np.testing.assert_allclose(effect.per_clip, [0.5, -0.1, 0.1, 0.0])
    assert effect.mean == pytest.approx(0.125)
    assert effect.absolute == pytest.approx(0.175)
    # Deviations .375, -.225, -.025, -.125: squares sum to .2075.
    assert effect.standard_error == pytest.approx(np.sqrt(0.2075 / 3) / 2)
    assert effect.accuracy_drop == pytest.approx(0.5)  # clips 0 and 2 are lost
    assert effect.normalised == pytest.approx(0.125 / (0.775 - 1 / 3))


def test_uniform_answers_reach_the_ceiling():
    sure = np.eye(8)[np.arange(8)]
    effect = causal_effect(sure, np.full((8, 8), 0.125), np.arange(8))
    assert effect.mean == pytest.approx(0.875)
    assert effect.normalised == pytest.approx(1.0)


def test_the_donors_gain_is_the_negative_effect_on_its_label():
    donor = np.array([1, 0, 1, 1])
    np.testing.assert_allclose(causal_effect(BEFORE, AFTER, donor).mean, -0.125)


def test_normalising_by_chance_is_undefined():
    even = np.full((4, 2), 0.5)
    assert causal_effect(even, even, np.array([0, 1, 0, 1])).normalised is None


def test_patching_success_by_hand():
    assert patching_success_rate(AFTER, np.array([1, 1, 1, 1])) == 0.75
    assert patching_success_rate(AFTER, np.array([0, 0, 0, 1])) == 0.0


def test_ratio_is_one_of_means_over_all_controls():
    effect = 0.8 + 0.1 * SPREAD
    control = np.stack([0.01 + 0.001 * SPREAD, 0.03 + 0.001 * SPREAD])
    ratio = causal_effect_ratio(effect, control, rng=rng())
    assert ratio.value == pytest.approx(effect.mean() / control.mean())
    assert ratio.lower_bound is None
    assert ratio.why is None
    assert ratio.interval[0] < ratio.value < ratio.interval[1]
    assert str(ratio).startswith(f"{ratio.value:.3g}x [")


def test_clips_are_drawn_jointly():
    # A control that is a fixed share of the effect has the same ratio in every draw.
    effect = 0.8 + 0.3 * SPREAD
    ratio = causal_effect_ratio(effect, effect[None] / 4, rng=rng())
    np.testing.assert_allclose(ratio.interval, [4.0, 4.0])


def test_signs_count_in_the_ratio_and_not_in_the_absolute_one():
    effect, control = np.tile([0.5, 0.3], 30), np.tile([0.2, -0.1], 30)
    ratio = causal_effect_ratio(effect, control[None], rng=rng())
    assert ratio.value == pytest.approx(0.4 / 0.05)
    assert ratio.absolute == pytest.approx(0.4 / 0.15)


def test_a_control_around_zero_gives_a_lower_bound():
    control = 0.05 * SPREAD[None] - 0.05 * SPREAD.mean() + 0.001
    ratio = causal_effect_ratio(np.full(100, 0.8), control, rng=rng())
    assert ratio.value is None
    assert ratio.interval is None
    assert ratio.control_interval[0] < 0 < ratio.control_interval[1]
    assert ratio.lower_bound == pytest.approx(0.8 / ratio.control_interval[1])
    assert "covers 0" in ratio.why
    assert str(ratio) == f">= {ratio.lower_bound:.3g}x"


def test_a_negative_control_has_no_ratio():
    ratio = causal_effect_ratio(np.full(100, 0.8), -0.1 + 0.01 * SPREAD[None], rng=rng())
    assert (ratio.value, ratio.lower_bound) == (None, None)
    assert "not above 1e-06" in ratio.why


def test_a_control_of_zero_gives_no_number_at_all():
    ratio = causal_effect_ratio(np.full(100, 0.8), np.zeros((3, 100)), rng=rng())
    assert (ratio.value, ratio.lower_bound, ratio.absolute) == (None, None, None)
    assert str(ratio) == "undefined"


def test_a_negative_effect_has_no_lower_bound():
    control = 0.05 * (SPREAD - SPREAD.mean())[None]
    ratio = causal_effect_ratio(np.full(100, -0.1), control + 0.001, rng=rng())
    assert (ratio.value, ratio.lower_bound) == (None, None)


def test_bootstrap_of_a_mean_has_its_standard_error():
    drawn = bootstrap_means(SPREAD[:, None], rng=rng(), draws=20_000)
    assert drawn.std() == pytest.approx(SPREAD.std() / 10, rel=0.02)
    assert drawn.mean() == pytest.approx(SPREAD.mean(), abs=0.003)


def test_groups_are_drawn_whole():
    level = SPREAD[:20]
    drawn = bootstrap_means(
        np.repeat(level, 5)[:, None], rng=rng(), draws=20_000, groups=np.repeat(np.arange(20), 5)
    )
    assert drawn.std() == pytest.approx(level.std() / np.sqrt(20), rel=0.02)


def test_groups_of_unequal_size_weigh_by_their_clips():
    columns, groups = np.array([[1.0], [1.0], [1.0], [5.0]]), ["a", "a", "a", "b"]
    drawn = bootstrap_means(columns, rng=rng(), draws=50, groups=groups)
    assert set(drawn[:, 0].tolist()) == {1.0, 2.0, 5.0}


def test_chunks_change_nothing(monkeypatch):
    whole = bootstrap_means(SPREAD[:, None], rng=rng(), draws=50)
    monkeypatch.setattr("jepakit.interp.effects.CHUNK_ELEMENTS", 700)
    parts = bootstrap_means(SPREAD[:, None], rng=rng(), draws=50)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_quotients_beyond_zero_are_infinite():
    below = np.array([0.5, 0.5, 0.0, -0.1])
    np.testing.assert_array_equal(ratio_of_draws(np.ones(4), below), [2, 2, np.inf, np.inf])
    np.testing.assert_array_equal(ratio_of_draws(np.ones(4), -below), [-2, -2, -np.inf, -np.inf])


def test_refuses_probabilities_of_other_clips():
    with pytest.raises(ValueError, match=r"shapes \(4, 3\) and \(3, 3\)"):
        causal_effect(BEFORE, AFTER[1:], LABELS)


def test_refuses_labels_of_other_clips():
    with pytest.raises(ValueError, match="4 clips, 3 labels"):
        causal_effect(BEFORE, AFTER, LABELS[1:])


@pytest.mark.parametrize("shift", [-1, 1])
def test_refuses_labels_that_are_no_classes(shift):
    with pytest.raises(ValueError, match=r"Labels must be 0 \.\. 2"):
        patching_success_rate(AFTER, LABELS + shift)


@pytest.mark.parametrize("wrong", [2 * BEFORE, np.full((4, 3), np.nan), BEFORE - [1, 0, -1]])
def test_refuses_what_is_no_probability(wrong):
    with pytest.raises(ValueError, match="sum to 1"):
        causal_effect(BEFORE, wrong, LABELS)


def test_refuses_a_standard_error_of_one_clip():
    with pytest.raises(ValueError, match="at least 2 clips, got 1"):
        causal_effect(BEFORE[:1], AFTER[:1], LABELS[:1])


@pytest.mark.parametrize("shape", [(2, 3), (0, 4)])
def test_refuses_a_control_of_other_clips(shape):
    with pytest.raises(ValueError, match="one effect per clip, 4"):
        causal_effect_ratio(np.ones(4), np.ones(shape), rng=rng())


def test_refuses_effects_that_are_not_finite():
    with pytest.raises(ValueError, match="Effects must be finite"):
        causal_effect_ratio(np.full(4, np.nan), np.ones((1, 4)), rng=rng())


def test_refuses_groups_of_other_clips():
    with pytest.raises(ValueError, match="got 3 for 4 clips"):
        causal_effect_ratio(np.ones(4), np.ones((1, 4)), rng=rng(), groups=["a", "b", "c"])


@pytest.mark.parametrize("options", [{"groups": ["a"] * 4}, {"draws": 0}])
def test_refuses_a_bootstrap_of_nothing(options):
    with pytest.raises(ValueError, match="at least 2 groups of clips and 1 draw"):
        causal_effect_ratio(np.ones(4), np.ones((1, 4)), rng=rng(), **options)
