from dataclasses import replace

import numpy as np
import pytest
from planted_states import noise, planted

from jepakit.evals.permutation_tests import permutation_p
from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.effects.pipeline_null import pipeline_effect, pipeline_null
from jepakit.evals.states.effects.portability import PortabilitySettings, portability
from jepakit.evals.states.probes.state_subspaces import Recipe
from jepakit.interp.alignment import noise_ceiling
from jepakit.interp.structured_proxy import structured_proxy

FOUND = planted(clips=96)
LAYER = "blocks.03.out"
LEAN = PortabilitySettings(draws=4, repeats=2, folds=3)


def swapped(activations):
    """The same clips with the variable in other axes than those of the classes."""
    values = {name: np.roll(rows, 6, axis=1) for name, rows in activations.values.items()}
    return replace(activations, values=values)


def test_the_same_subspace_is_aligned_and_keeps_all():
    twin = replace(FOUND, model="twin")  # another object, the same activations
    found = portability(twin, FOUND, LAYER, LEAN)
    np.testing.assert_allclose(found.alignment, 1.0)
    np.testing.assert_allclose(found.energy_weighted, 1.0)
    np.testing.assert_allclose(found.spectrum, np.ones(3))
    assert found.retained.value == pytest.approx(1.0, abs=1e-12)
    assert found.own == pytest.approx(found.cross, abs=1e-12)
    assert found.own > 0.5


def test_orthogonal_subspaces_are_neither():
    clean = planted(clips=96, strength=400.0)
    found = portability(swapped(clean), clean, LAYER, replace(LEAN, center="mean"))
    assert found.alignment.max() < 1e-3
    assert found.energy_weighted.max() < 1e-3
    assert abs(found.retained.value) < 0.02
    assert found.chance == pytest.approx(3 / 12)


def test_two_sets_of_clips_of_one_model_are_disjoint(monkeypatch):
    seen = []

    def watch(x, y, recipe, seed=0):
        from jepakit.evals.states.probes.state_subspaces import state_subspace

        seen.append({tuple(row) for row in x.round(6)})
        return state_subspace(x, y, recipe, seed=seed)

    monkeypatch.setattr("jepakit.evals.states.effects.portability.state_subspace", watch)
    found = portability(FOUND, FOUND, LAYER, LEAN)
    assert [len(rows) for rows in seen] == [24] * 4
    for first, second in zip(seen[::2], seen[1::2], strict=True):
        assert not first & second
    assert found.alignment.shape == (2,)
    assert found.retained.value == pytest.approx(1.0, abs=0.3)
    seen.clear()
    portability(FOUND, FOUND, LAYER, replace(LEAN, protocol="paper"))
    assert [len(rows) for rows in seen] == [48] * 4


def test_alignment_by_noise_alone_is_not_below_the_ceiling():
    # Independent noise around the same means; both subspaces from two thirds of the clips.
    below = 0
    for seed in range(4):
        a, b = planted(strength=2.0, seed=2 * seed), planted(strength=2.0, seed=2 * seed + 1)
        found = portability(a, b, LAYER, replace(LEAN, seed=seed))
        assert found.ceiling[0] < found.ceiling[1]
        below += found.alignment.mean() < found.ceiling[0]
    assert below <= 1


def test_the_ceiling_is_of_as_many_clips_as_the_subspaces(monkeypatch):
    seen = []

    def watch(x, y, *, rank, rng, draws, share):
        seen.append((len(x), share))
        return noise_ceiling(x, y, rank=rank, rng=rng, draws=draws, share=share)

    monkeypatch.setattr("jepakit.evals.states.effects.portability.noise_ceiling", watch)
    portability(FOUND, FOUND, LAYER, LEAN)  # two quarters
    portability(FOUND, FOUND, LAYER, replace(LEAN, protocol="paper"))  # two halves
    portability(replace(FOUND), FOUND, LAYER, LEAN)  # the same two thirds in two models
    assert seen == [(48, 0.5), (96, 0.5), (64, 1.0)]


def test_weak_effects_have_no_retained_share():
    nothing = portability(FOUND, FOUND, "blocks.00.out", LEAN)
    assert nothing.retained.value is None
    assert "below 0.05" in nothing.retained.why or "covers 0" in nothing.retained.why


def test_other_labels_are_refused():
    other = FOUND.relabelled(FOUND.labels[::-1].copy())
    with pytest.raises(ValueError, match="labels differ"):
        portability(other, FOUND, LAYER)


def test_rank_and_method_are_passed_on():
    found = portability(FOUND, FOUND, LAYER, replace(LEAN, recipe=Recipe("dim", rank=2)))
    assert found.spectrum.shape == (2,)
    with pytest.raises(ValueError, match="rank must be 1 to 3"):
        portability(FOUND, FOUND, LAYER, replace(LEAN, recipe=Recipe("dim", rank=4)))


def test_the_null_is_small_and_the_effect_of_the_proxy_is_not():
    proxy = structured_proxy(clips=80, width=24, classes=4, layers=2, inject_from=1, snr=8.0)
    names = tuple("abcd")
    rows = {"late": proxy.values[1]}
    found = Activations("proxy", rows, proxy.labels, np.arange(80), names)
    observed = pipeline_effect(found, "late", protocol="crossfit", folds=3)
    null = pipeline_null(found, "late", permutations=3, protocol="crossfit", folds=3)
    assert observed > 0.6 > 0.15 > np.abs(null).max()
    assert permutation_p(observed, null) == pytest.approx(0.25)
    again = pipeline_null(found, "late", permutations=3, protocol="crossfit", folds=3)
    assert np.array_equal(null, again)


def test_in_sample_effects_of_noise_are_large_and_crossfitted_ones_are_not():
    drawn = noise(clips=64, width=80, classes=4, seed=0)
    paper = pipeline_effect(drawn, "blocks.00.out", protocol="paper")
    crossfit = pipeline_effect(drawn, "blocks.00.out", protocol="crossfit", folds=4)
    assert paper > 0.6
    assert abs(crossfit) < 0.1


def test_orders_that_cannot_be_split_are_drawn_anew():
    # Of class 2 there are three clips, in three of the eight sources.
    labels = np.array([0, 1, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
    groups = np.arange(24) // 3
    rows = np.random.default_rng(0).standard_normal((24, 5))
    found = Activations("m", {"a": rows}, labels, groups, ("x", "y", "z"))
    null = pipeline_null(found, "a", permutations=5, protocol="crossfit", folds=3)
    assert np.isfinite(null).all()


def test_a_null_without_any_split_is_refused():
    labels = np.array([0, 1] * 6)
    two = Activations(
        "m",
        {"a": np.random.default_rng(0).standard_normal((12, 5))},
        labels,
        np.arange(12) // 6,
        ("x", "y"),
    )
    with pytest.raises(ValueError, match="None of 50 orders of the labels can be split"):
        pipeline_null(two, "a", permutations=1, protocol="crossfit", folds=3)
