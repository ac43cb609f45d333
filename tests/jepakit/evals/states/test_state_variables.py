import numpy as np
import pytest
from planted_states import planted

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.clips.clip_sets import TracedMotion
from jepakit.evals.states.effects.cross_model import cross_model
from jepakit.evals.states.effects.variables import (
    QUARTERS,
    Variable,
    compare_variables,
    motion_variables,
)
from jepakit.evals.states.probes.state_subspaces import Recipe
from worlds.motion import MotionClips


def two_variables(strength=6.0):
    rng = np.random.default_rng(0)
    first, second = np.arange(96) % 3, np.arange(96) // 3 % 2
    rows = rng.standard_normal((96, 10))
    rows[np.arange(96), first] += strength
    rows[:, 5] += strength * second
    found = Activations("m", {"a": rows}, first, np.arange(96), ("x", "y", "z"))
    return found, (
        Variable("first", first, ("x", "y", "z")),
        Variable("second", second, ("no", "yes")),
        Variable("again", first, ("x", "y", "z")),
    )


def test_orthogonal_variables_do_not_hurt_each_other():
    found = compare_variables(*two_variables(), "a", folds=3)
    assert found.names == ("first", "second", "again")
    np.testing.assert_allclose(found.chance, [1 / 3, 1 / 2, 1 / 3])
    assert found.accuracy.min() > 0.97
    own = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=bool)
    assert found.effects[own].min() > 0.35
    assert np.abs(found.effects[~own]).max() < 0.1
    np.testing.assert_allclose(np.diag(found.alignment), 1.0)
    assert found.alignment[0, 2] == pytest.approx(1.0)
    assert found.alignment[0, 1] == found.alignment[1, 0] < 0.05
    # Ranks 2 and 1 in 10 dimensions: the smaller lies in the larger by 2 / 10 in the mean.
    np.testing.assert_allclose(found.expected, [[0.2, 0.2, 0.2], [0.2, 0.1, 0.2], [0.2, 0.2, 0.2]])


def test_effects_of_one_variable_on_another_equal_a_loop():
    activations, variables = two_variables(strength=1.5)
    found = compare_variables(activations, variables[:2], "a", folds=3, seed=4)
    from jepakit.evals.states.probes.dense_probe import DenseProbe
    from jepakit.evals.states.probes.splits import kfold
    from jepakit.interp.subspaces import class_mean_pca

    x = activations.at("a")
    read, removed = variables[1], variables[0]
    means = []
    for training, test in kfold(read.labels, np.arange(96), folds=3, seed=4):
        basis = class_mean_pca(x[training], removed.labels[training]).basis
        probe = DenseProbe(x[training], read.labels[training])
        falls = []
        for i in test:
            p = probe.probabilities(np.stack([x[i], x[i] - basis @ (basis.T @ x[i])]))
            falls.append(p[0, read.labels[i]] - p[1, read.labels[i]])
        means.append(np.mean(falls))
    assert found.effects[0, 1] == pytest.approx(np.mean(means), abs=1e-9)


def test_variables_of_motion_clips():
    clips = TracedMotion(MotionClips(4, 32, per_class=5))
    found = {v.name: v for v in motion_variables(clips)}
    assert set(found) == {"direction", "horizontal place", "vertical place", "speed", "size"}
    assert np.bincount(found["size"].labels).tolist() == [10] * 4
    assert found["size"].classes == QUARTERS
    sizes = np.array([clips.clips.state(i).radius for i in range(40)])
    order = [sizes[found["size"].labels == q] for q in range(4)]
    assert all(order[q].max() < order[q + 1].min() for q in range(3))
    pair = TracedMotion(MotionClips(4, 64, scene="pair", per_class=5))
    contact = {v.name: v for v in motion_variables(pair)}["contact"]
    assert contact.classes == ("no", "yes")
    fewest = int(np.bincount(contact.labels).min())
    assert "contact" not in {v.name for v in motion_variables(pair, least=fewest + 1)}


def models(noise=0.0, rotate=True):
    """The same clips in a model, and in a turned, scaled and noisy copy of it."""
    rng = np.random.default_rng(3)
    first = planted(clips=96, width=12, strength=3.0)
    turn = np.linalg.qr(rng.standard_normal((12, 12)))[0] if rotate else np.eye(12)
    values = {
        name: 50 * rows @ turn + noise * rng.standard_normal(rows.shape) + 7
        for name, rows in first.values.items()
    }
    return first, Activations("copy", values, first.labels, first.groups, first.classes)


LAYERS = ("blocks.03.out", "blocks.03.out")


def test_a_rotated_copy_is_recognised_on_new_clips():
    found = cross_model(*models(), LAYERS, components=3, folds=3, ridge=1e-3)
    assert found.held_out.min() > 0.99
    assert found.training.min() > 0.99
    assert found.layers == LAYERS
    assert found.portable.alignment.min() > 0.98
    assert found.portable.retained.value == pytest.approx(1.0, abs=0.05)


def test_independent_noise_correlates_in_the_fit_only():
    first = planted(clips=96, width=60, strength=0.0, seed=0)
    second = planted(clips=96, width=60, strength=0.0, seed=9)
    found = cross_model(first, second, LAYERS, components=3, folds=3, ridge=1e-3)
    assert found.training.min() > 0.9
    assert np.abs(found.held_out).max() < 0.25


def test_the_ridge_does_not_hang_on_the_unit():
    first, second = models(noise=30.0)
    plain = cross_model(first, second, LAYERS, components=3, folds=3, ridge=0.3)
    tiny = {name: rows * 1e-3 for name, rows in second.values.items()}
    other = Activations("tiny", tiny, second.labels, second.groups, second.classes)
    scaled = cross_model(first, other, LAYERS, components=3, folds=3, ridge=0.3)
    np.testing.assert_allclose(scaled.held_out, plain.held_out, atol=1e-9)


@pytest.mark.parametrize("rank", [0, 3, 4])
def test_as_many_directions_as_components_are_refused(rank):
    with pytest.raises(ValueError, match=r"1 to 2 directions of a shared space of 3; came"):
        cross_model(*models(), LAYERS, components=3, rank=rank)


def test_models_of_other_clips_are_refused():
    first, second = models()
    with pytest.raises(ValueError, match="labels differ"):
        cross_model(first, second.relabelled(second.labels[::-1].copy()), LAYERS)


def test_rank_of_a_recipe_is_kept():
    found = compare_variables(*two_variables(), "a", folds=3, recipe=Recipe(rank=1))
    np.testing.assert_allclose(found.expected, [[0.1] * 3] * 3)
