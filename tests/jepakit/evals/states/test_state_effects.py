import numpy as np
import pytest
from planted_states import planted
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jepakit.evals.states.effects.ablation_effects import (
    CONTROLS,
    AblationSettings,
    ablation_effects,
)
from jepakit.evals.states.effects.patching_effects import (
    balanced_pairs,
    patching_effects,
    steering_sweep,
)
from jepakit.evals.states.probes.splits import parts_of
from jepakit.evals.states.probes.state_subspaces import Recipe
from jepakit.interp.matched_subspaces import NoSuchSubspaceError, random_subspace

FOUND = planted(clips=64)
LAYER, EARLY = "blocks.03.out", "blocks.01.out"
PARTS = parts_of(FOUND.labels, FOUND.groups, folds=3)
LAYERS = [LAYER] * 3


def effects(parts=PARTS, **settings):
    asked = AblationSettings(**{"draws": 3, **settings})
    return ablation_effects(FOUND, parts, [LAYER] * len(parts), early=EARLY, settings=asked)


def pipeline(x, y):
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, tol=1e-10, max_iter=9999))
    return probe.fit(x, y)


def span_of_means(x, y):
    means = np.stack([x[y == c].mean(axis=0) for c in range(4)])
    return np.linalg.svd(means - means.mean(axis=0))[2][:3].T


def by_loop(x_found, x_read, center=None):
    """Clip by clip, from the formula: the subspace of one layer ablated in another."""
    falls = np.zeros(64)
    for part in PARTS:
        train, y = part.subspace, FOUND.labels
        basis = span_of_means(x_found[train], y[train])
        probe = pipeline(x_read[train], y[train])
        for i in part.test:
            h = x_read[i]
            mean = x_read[train].mean(axis=0) if center else np.zeros(12)
            removed = sum(float((h - mean) @ v) * v for v in basis.T)
            before, after = (probe.predict_proba(z[None])[0, y[i]] for z in (h, h - removed))
            falls[i] = before - after
    return falls


@pytest.mark.parametrize("center", [None, "mean"])
def test_ablation_and_early_layer_equal_a_loop(center):
    found = effects(center=center, controls=("early",))
    x, early = FOUND.at(LAYER), FOUND.at(EARLY)
    np.testing.assert_allclose(found.per_clip["causal"][0], by_loop(x, x, center), atol=1e-5)
    np.testing.assert_allclose(found.per_clip["early"][0], by_loop(x, early, center), atol=1e-5)
    assert found.layers == (LAYER,) * 3


def test_lost_counts_clips_that_are_named_rightly_no_more():
    found = effects(controls=())
    x, y = FOUND.at(LAYER), FOUND.labels
    for part in PARTS:
        train, test = part.subspace, part.test
        basis, probe = span_of_means(x[train], y[train]), pipeline(x[train], y[train])
        right = [
            probe.predict(z) == y[test] for z in (x[test], x[test] - x[test] @ basis @ basis.T)
        ]
        expected = right[0].astype(float) - right[1]
        np.testing.assert_array_equal(found.lost["causal"][0, test], expected)


def test_before_is_the_probability_of_the_true_class():
    found = effects(controls=())
    x, y = FOUND.at(LAYER), FOUND.labels
    part = PARTS[0]
    probe = pipeline(x[part.subspace], y[part.subspace])
    rows = probe.predict_proba(x[part.test])[np.arange(len(part.test)), y[part.test]]
    np.testing.assert_allclose(found.before[part.test], rows, atol=1e-5)


def test_controls_are_drawn_as_often_as_asked_and_weaker():
    found = effects()
    assert set(found.per_clip) == {"causal", *CONTROLS}
    for control in CONTROLS:
        assert found.per_clip[control].shape == ((1 if control == "early" else 3), 64)
    means = {name: rows.mean() for name, rows in found.per_clip.items()}
    assert means["causal"] > 0.5
    assert max(means[name] for name in ("random", "early", "equal_norm")) < 0.6 * means["causal"]
    assert set(found.overlap) == {"random", "rotated", "energy", "shuffled"}
    assert found.overlap["energy"] > 0.5 > found.overlap["random"]
    assert found.overlap["random"] == pytest.approx(3 / 12, abs=0.15)


def test_equal_norm_moves_as_far_as_the_ablation_and_out_of_the_subspace(monkeypatch):
    moves = []

    def watch(h, basis, directions, *, center=None):
        from jepakit.interp.interventions import equal_norm_perturbation

        moved = equal_norm_perturbation(h, basis, directions, center=center)
        moves.append((h, moved, basis, directions.shape))
        return moved

    target = "jepakit.evals.states.effects.ablation_effects.equal_norm_perturbation"
    monkeypatch.setattr(target, watch)
    for shared in (False, True):
        effects(controls=("equal_norm",), shared=shared)
        h, moved, basis, shape = moves[-1]
        assert shape == ((12,) if shared else h.shape)
        lengths = np.linalg.norm(moved - h, axis=1)
        np.testing.assert_allclose(lengths, np.linalg.norm(h @ basis, axis=1))
        np.testing.assert_allclose((moved - h) @ basis, 0, atol=1e-12)


def test_clips_that_are_judged_twice_are_averaged():
    separate = parts_of(FOUND.labels, FOUND.groups, protocol="separate", folds=2)
    both = effects(separate, controls=()).per_clip["causal"][0]
    halves = [effects([separate[i], separate[i + 2]], controls=()) for i in (0, 1)]
    expected = np.mean([half.per_clip["causal"][0] for half in halves], axis=0)
    np.testing.assert_allclose(both, expected, atol=1e-12)


def test_a_control_that_fails_in_one_round_is_left_out_and_says_why(monkeypatch):
    calls = []

    def fails_later(axes, basis, rng):
        calls.append(basis)
        if len(calls) > 1:
            raise NoSuchSubspaceError("No random subspace of rank 3 will do.")
        return random_subspace(*basis.shape, rng)

    target = "jepakit.evals.states.effects.ablation_effects.energy_matched_subspace"
    monkeypatch.setattr(target, fails_later)
    found = effects(draws=1, controls=("energy", "random"))
    assert found.impossible == {"energy": "No random subspace of rank 3 will do."}
    assert set(found.per_clip) == set(found.lost) == {"causal", "random"}
    assert set(found.overlap) == {"random"}


def sweep(**asked):
    return steering_sweep(FOUND, PARTS, LAYERS, recipe=Recipe(), draws=2, **asked)


@pytest.mark.parametrize("centered", [False, True])
def test_steering_by_one_is_nothing_and_by_zero_the_ablation(centered):
    found = sweep(alphas=(0.0, 1.0, 2.0), centered=centered)
    for rows in found.values():
        assert (rows[1] == 0).all()
        assert (rows[2] != 0).any()
    center = "mean" if centered else None
    ablated = effects(controls=(), center=center).per_clip["causal"][0]
    np.testing.assert_allclose(found["causal"][0], ablated, atol=1e-12)


def test_pairs_are_balanced_without_repetition_and_of_judged_clips():
    rows = np.flatnonzero(np.arange(64) % 3 == 0)
    pairs = balanced_pairs(FOUND.labels, rows, 30, np.random.default_rng(0))
    assert pairs.shape == (30, 2)
    assert len(np.unique(pairs, axis=0)) == 30
    assert np.isin(pairs, rows).all()
    kinds = FOUND.labels[pairs]
    assert (kinds[:, 0] != kinds[:, 1]).all()
    counts = np.zeros((4, 4), dtype=int)
    np.add.at(counts, (kinds[:, 0], kinds[:, 1]), 1)
    off = counts[~np.eye(4, dtype=bool)]
    assert set(off) == {2, 3}  # 30 over 12 ordered pairs of classes


def test_no_more_pairs_than_there_are():
    labels = np.array([0, 0, 0, 1])
    pairs = balanced_pairs(labels, np.arange(4), 100, np.random.default_rng(0))
    expected = [[0, 3], [1, 3], [2, 3], [3, 0], [3, 1], [3, 2]]
    assert sorted(pairs.tolist()) == expected


def test_patching_equals_a_loop():
    found = patching_effects(FOUND, PARTS, LAYERS, recipe=Recipe(), pairs=20, draws=2)
    x, y = FOUND.at(LAYER), FOUND.labels
    assert len(found.pairs) == 20
    for number, (source, donor) in enumerate(found.pairs):
        (part,) = [p for p in PARTS if source in p.test]
        assert donor in part.test
        probe = pipeline(x[part.classifier], y[part.classifier])
        basis = span_of_means(x[part.subspace], y[part.subspace])
        patched = x[source] + basis @ (basis.T @ (x[donor] - x[source]))
        p = probe.predict_proba(np.stack([x[source], patched, x[donor]]))
        assert found.success["causal"][number] == float(p[1].argmax() == y[donor])
        assert found.success["whole"][number] == float(p[2].argmax() == y[donor])
        assert found.success["nothing"][number] == float(p[0].argmax() == y[donor])
        drop, gain = p[0, y[source]] - p[1, y[source]], p[1, y[donor]] - p[0, y[donor]]
        assert found.source_drop[number] == pytest.approx(drop, abs=1e-5)
        assert found.donor_gain[number] == pytest.approx(gain, abs=1e-5)
    assert found.success["causal"].mean() > 0.9 > 0.4 > found.success["random"].mean()


def test_few_pairs_leave_rounds_out():
    found = patching_effects(FOUND, PARTS, LAYERS, recipe=Recipe(), pairs=2, draws=1)
    assert len(found.pairs) == 2
