"""Alignment and retained effect: closed forms, rank rules, chance, ceiling, undefined cases."""

import numpy as np
import pytest

from jepakit.interp.alignment import (
    energy_weighted_alignment,
    noise_ceiling,
    retained_causal_effect,
    subspace_alignment,
)
from jepakit.interp.matched_subspaces import random_subspace
from jepakit.interp.subspaces import Subspace, class_mean_pca

EYE = np.eye(10)
SPREAD = np.random.default_rng(7).normal(size=100)
Y = np.repeat(np.arange(4), 20)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_identical_subspaces_score_1_in_any_basis():
    vectors = rng().normal(size=(10, 3))
    mixed = vectors @ rng(1).normal(size=(3, 3))
    found = subspace_alignment(vectors, mixed)
    assert found.score == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(found.spectrum, 1.0)
    assert found.spectrum.max() <= 1.0


def test_orthogonal_subspaces_score_0():
    assert subspace_alignment(EYE[:, :3], EYE[:, 3:6]).score == 0.0


def test_angles_are_known():
    phi = np.deg2rad(36.3)
    turned = np.cos(phi) * EYE[:, :3] + np.sin(phi) * EYE[:, 3:6]
    found = subspace_alignment(EYE[:, :3], turned)
    assert found.score == pytest.approx(np.cos(phi) ** 2)
    assert found.score == pytest.approx(0.65, abs=1e-3)


def test_score_is_the_trace_of_projectors():
    a, b = (random_subspace(10, 4, rng(s)) for s in (1, 2))
    found = subspace_alignment(Subspace(a, np.ones(4)), b)
    assert found.score == pytest.approx(np.trace(a @ a.T @ b @ b.T) / 4)
    assert found.spectrum.sum() / 4 == pytest.approx(found.score)
    assert (np.diff(found.spectrum) <= 0).all()


@pytest.mark.parametrize(
    ("ranks", "norm", "chance"),
    [((3, 3), None, 3 / 12), ((2, 5), "min", 5 / 12), ((2, 5), "max", 2 / 12)],
)
def test_random_subspaces_score_chance(ranks, norm, chance):
    found = [
        subspace_alignment(
            *(random_subspace(12, rank, rng(10 * s + rank + i)) for i, rank in enumerate(ranks)),
            norm=norm,
        )
        for s in range(300)
    ]
    scores = [alignment.score for alignment in found]
    assert found[0].chance == pytest.approx(chance)
    assert np.mean(scores) == pytest.approx(chance, abs=4 * np.std(scores) / np.sqrt(300))


def test_chance_of_seven_directions_in_1024_is_the_paper_s():
    wide = np.eye(1024)[:, :7]
    assert subspace_alignment(wide, wide).chance == 7 / 1024


def test_different_ranks_ask_for_containment_or_equality():
    small, large = EYE[:, :2], EYE[:, :5]
    assert subspace_alignment(small, large, norm="min").score == pytest.approx(1.0)
    assert subspace_alignment(large, small, norm="min").score == pytest.approx(1.0)
    assert subspace_alignment(small, large, norm="max").score == pytest.approx(2 / 5)
    with pytest.raises(ValueError, match=r"ranks 2 and 5 .* norm='min'"):
        subspace_alignment(small, large)


def test_energy_weighting_is_the_trace_formula():
    means = rng().normal(size=(5, 10)) * np.linspace(3, 0.1, 10)
    a = class_mean_pca(means, np.arange(5))
    m = means - means.mean(axis=0)
    b = random_subspace(10, 4, rng(1))
    expected = np.trace(m @ b @ b.T @ m.T) / np.trace(m @ m.T)
    assert energy_weighted_alignment(a, b) == pytest.approx(expected)


def test_energy_weighting_forgives_weak_directions():
    a = Subspace(EYE[:, :2], np.array([3.0, 1.0]))
    b = EYE[:, [0, 5]]
    assert subspace_alignment(a, b).score == pytest.approx(0.5)
    assert energy_weighted_alignment(a, b) == pytest.approx(0.9)
    assert energy_weighted_alignment(a, Subspace(b, np.ones(2))) == pytest.approx(0.9)


def clips(seed, amplitude, width=60):
    draw = rng(seed)
    code = amplitude * np.eye(4, width)
    return code[Y] + draw.normal(size=(80, width))


@pytest.mark.parametrize("amplitude", [0.0, 1.0, 3.0])
def test_halves_of_one_distribution_score_the_ceiling(amplitude):
    observed, ceiling = [], []
    for seed in range(25):
        x = clips(seed, amplitude)
        first = np.arange(80) % 2 == 0
        observed.append(
            subspace_alignment(
                class_mean_pca(x[first], Y[first]), class_mean_pca(x[~first], Y[~first])
            ).score
        )
        ceiling.append(noise_ceiling(x, Y, rng=rng(seed), draws=20).mean())
    error = np.std(np.subtract(observed, ceiling)) / 5
    assert np.mean(observed) == pytest.approx(np.mean(ceiling), abs=3 * error + 0.01)


def test_without_noise_the_ceiling_is_1_and_draws_repeat():
    x = 1000 * np.eye(4, 9)[Y] + 1e-3 * rng().normal(size=(80, 9))
    np.testing.assert_allclose(noise_ceiling(x, Y, rng=rng(), draws=3), 1.0)
    x = clips(0, 1.0)
    again = [noise_ceiling(x, Y, rank=2, rng=rng(), draws=5) for _ in range(2)]
    np.testing.assert_array_equal(*again)
    assert again[0].shape == (5,)


def test_retained_effect_is_a_ratio_of_means():
    own, cross = 0.8 + 0.05 * SPREAD, 0.4 + 0.03 * SPREAD
    found = retained_causal_effect(cross, own, rng=rng())
    assert found.value == pytest.approx(cross.mean() / own.mean())
    assert found.interval[0] < found.value < found.interval[1]
    assert (found.why, found.excess) == (None, None)


def test_retained_effect_is_not_clipped_and_its_draws_are_joint():
    own = 0.5 + 0.2 * SPREAD
    found = retained_causal_effect(1.3 * own, own, rng=rng())
    np.testing.assert_allclose([found.value, *found.interval], 1.3)


def test_excess_takes_the_random_effect_off_both():
    own, cross = np.full(100, 0.8), np.full(100, 0.5)
    for random in (np.full(100, 0.2), np.full((3, 100), 0.2)):
        found = retained_causal_effect(cross, own, random=random, rng=rng())
        assert found.excess == pytest.approx(0.3 / 0.6)
    assert retained_causal_effect(cross, own, random=own - 0.01, rng=rng()).excess is None


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (np.full(100, 0.049), "is below 0.05"),
        (np.full(100, -0.01), "is below 0.05"),
        (0.06 + 2 * (SPREAD - SPREAD.mean()), "covers 0"),
    ],
)
def test_retained_effect_of_nothing_is_undefined(own, why):
    found = retained_causal_effect(np.full(100, 0.5), own, random=np.zeros(100), rng=rng())
    assert (found.value, found.interval, found.excess) == (None, None, None)
    assert why in found.why


def test_groups_widen_the_interval():
    own = 0.8 + 0.2 * np.repeat(SPREAD[:10], 10)
    cross = 0.4 + 0.2 * np.repeat(SPREAD[10:20], 10)
    one_by_one = retained_causal_effect(cross, own, rng=rng()).interval
    grouped = retained_causal_effect(
        cross, own, rng=rng(), groups=np.repeat(np.arange(10), 10)
    ).interval
    assert np.ptp(grouped) > 1.5 * np.ptp(one_by_one)


def test_refuses_subspaces_of_different_widths():
    for compare in (
        subspace_alignment,
        lambda a, b: energy_weighted_alignment(Subspace(a, np.ones(2)), b),
    ):
        with pytest.raises(ValueError, match="widths 10 and 4"):
            compare(EYE[:, :2], np.eye(4)[:, :2])


def test_refuses_vectors_that_are_not_finite():
    with pytest.raises(ValueError, match="must be finite"):
        subspace_alignment(np.full((4, 1), np.nan), np.eye(4)[:, :1])


def test_refuses_a_ceiling_of_single_clips():
    with pytest.raises(ValueError, match="got 1 clips of class 3"):
        noise_ceiling(np.eye(7), np.array([0, 0, 1, 1, 2, 2, 3]), rng=rng())


def test_refuses_a_ceiling_without_draws():
    with pytest.raises(ValueError, match="0 draws"):
        noise_ceiling(clips(0, 1.0), Y, rng=rng(), draws=0)


def test_refuses_effects_of_other_clips():
    with pytest.raises(ValueError, match="got 3 of the other subspace, 4 of its own and 5"):
        retained_causal_effect(np.ones(3), np.ones(4), random=np.ones(5), rng=rng())


def test_larger_shares_are_less_noisy_and_bounded() -> None:
    x = clips(0, 1.0)
    half, whole = (noise_ceiling(x, Y, rng=rng(), draws=20, share=s).mean() for s in (0.5, 1.0))
    assert half < whole < 1
    for share in (0.4, 1.1):
        with pytest.raises(ValueError, match=r"the share is 0\.5 to 1"):
            noise_ceiling(x, Y, rng=rng(), share=share)
