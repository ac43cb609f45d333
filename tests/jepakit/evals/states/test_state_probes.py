import numpy as np
import pytest
from planted_states import planted
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jepakit.evals.states.probes.dense_probe import DenseProbe
from jepakit.evals.states.probes.layer_curve import LayerCurve, layer_curve
from jepakit.evals.states.probes.sparse_probe import SparseProbe
from jepakit.evals.states.probes.state_subspaces import Recipe, state_subspace
from jepakit.evals.states.sparse_curve import PATH, sparse_curve


def data(clips, width, classes, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(clips) % classes
    x = rng.standard_normal((clips, width)) * np.linspace(0.1, 3, width) + 5
    x[np.arange(clips), y] += 1.0
    return x, y


@pytest.mark.parametrize(("clips", "width"), [(60, 100), (60, 20)])
@pytest.mark.parametrize("classes", [2, 5])
def test_dense_probe_is_the_pipeline_without_a_rotation(clips, width, classes):
    x, y = data(clips, width, classes)
    new, _ = data(40, width, classes, seed=1)
    plain = LogisticRegression(C=0.7, tol=1e-10, max_iter=5000)
    expected = make_pipeline(StandardScaler(), plain).fit(x, y).predict_proba(new)
    probe = DenseProbe(x, y, strength=0.7)
    np.testing.assert_allclose(probe.probabilities(new), expected, atol=1e-5)
    stacked = probe.probabilities(new.reshape(4, 10, width))
    np.testing.assert_allclose(stacked.reshape(40, classes), expected, atol=1e-5)
    weights, scale = probe.weights()
    intercept = plain.intercept_ if classes > 2 else np.array([-0.5, 0.5]) * plain.intercept_
    logits = ((new - x.mean(axis=0)) / scale) @ weights.T + intercept
    soft = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(soft / soft.sum(axis=1, keepdims=True), expected, atol=1e-5)


def test_accuracy_is_balanced():
    x, y = data(60, 20, 3)
    probe = DenseProbe(x, y)
    rows = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:3]])
    rows = np.append(rows, np.flatnonzero(y == 2)[0])
    named = probe.probabilities(x[rows]).argmax(axis=1)
    by_hand = np.mean([(named[y[rows] == c] == c).mean() for c in range(3)])
    assert probe.accuracy(x[rows], y[rows]) == pytest.approx(by_hand)


def test_a_probe_without_a_class_is_refused():
    x, _ = data(6, 3, 3)
    with pytest.raises(ValueError, match=r"every class among its clips, came \[0, 2\]"):
        DenseProbe(x, np.array([0, 0, 0, 2, 2, 2]))
    with pytest.raises(ValueError, match="every class"):
        DenseProbe(x, np.zeros(6, dtype=int))


CURVE = LayerCurve(
    ("a", "b", "c", "d"),
    np.array([[0.2, 0.2, 0.2], [0.7, 0.8, 0.9], [0.8, 0.9, 1.0], [0.8, 0.8, 0.8]]),
)


def test_the_earliest_layer_within_one_standard_error():
    # Best: c, 0.9, with a standard error of 0.1 / sqrt(3) = 0.0577: the bar is 0.8423.
    np.testing.assert_allclose(CURVE.standard_error, [0, 0.1 / 3**0.5, 0.1 / 3**0.5, 0], atol=1e-15)
    assert CURVE.earliest() == "c"
    raised = CURVE.accuracy + np.array([0, 0.05, 0, 0])[:, None]
    assert LayerCurve(CURVE.layers, raised).earliest() == "b"
    assert LayerCurve(("a", "b"), np.ones((2, 3))).earliest() == "a"


def test_the_onset_is_the_first_layer_at_a_level():
    assert CURVE.onset(0.5) == "b"
    assert CURVE.onset(0.9) == "c"
    assert CURVE.onset(0.95) is None


def test_the_curve_rises_where_the_variable_comes_in():
    found = planted()
    curve = layer_curve(found, folds=3)
    assert curve.layers == found.layers
    assert curve.mean[:2].max() < 0.5 < 0.95 < curve.mean[2:].min()
    assert curve.earliest() == "blocks.02.out"
    rows = np.arange(48)
    short = layer_curve(found, rows=rows, layers=("blocks.03.out",), folds=2)
    assert short.accuracy.shape == (1, 2)


def test_the_sparse_probe_uses_the_dimensions_that_matter():
    found = planted()
    probe = SparseProbe(found.at("blocks.03.out"), found.labels, sparsity=0.1)
    used = (np.abs(probe.weights) > 1e-8).any(axis=0)
    assert used[:4].all()
    assert probe.used == used.sum() < 12
    assert probe.converged
    assert not SparseProbe(found.at("blocks.03.out"), found.labels, rounds=2).converged


def test_the_sparse_curve_takes_the_sparsest_within_one_standard_error():
    found = planted(clips=48)
    first, last = sparse_curve(found, count=2, folds=3)
    assert (first.layer, last.layer) == ("blocks.00.out", "blocks.03.out")
    assert last.accuracy > 0.9 > 0.6 > first.accuracy
    assert 4 <= last.used <= last.width == 12
    dense = SparseProbe(found.at("blocks.03.out"), found.labels, sparsity=PATH[-1])
    assert last.used <= dense.used
    assert sparse_curve(found, count=0) == ()


@pytest.mark.parametrize("method", ["pca", "dim", "sparse"])
def test_every_method_finds_the_planted_directions(method):
    found = planted(clips=800, strength=6.0)
    truth = np.linalg.svd(np.eye(12)[:4] - np.eye(12)[:4].mean(axis=0))[2][:3]
    subspace = state_subspace(found.at("blocks.03.out"), found.labels, Recipe(method=method))
    assert ((truth @ subspace.basis) ** 2).sum() / 3 > 0.97
    cut = state_subspace(found.at("blocks.03.out"), found.labels, Recipe(method=method, rank=2))
    np.testing.assert_allclose(cut.basis, subspace.basis[:, :2])
    with pytest.raises(ValueError, match="rank must be 1 to 3"):
        state_subspace(found.at("blocks.03.out"), found.labels, Recipe(method=method, rank=4))


@pytest.mark.parametrize("method", ["dim", "sparse"])
def test_var95_keeps_the_fewest_directions_with_95_percent(method):
    found = planted()
    x = found.at("blocks.03.out")
    strengths = state_subspace(x, found.labels, Recipe(method=method)).strengths
    kept = state_subspace(x, found.labels, Recipe(method=method, rank="var95")).rank
    share = (strengths[:kept] ** 2).sum() / (strengths**2).sum()
    assert share >= 0.95
    assert kept == 1 or (strengths[: kept - 1] ** 2).sum() / (strengths**2).sum() < 0.95


def test_a_penalty_that_leaves_no_weight_is_weakened():
    found = planted(clips=24, strength=0.0)
    x, y = found.at("blocks.00.out"), found.labels
    assert SparseProbe(x, y, sparsity=0.01).used == 0
    assert state_subspace(x, y, Recipe(method="sparse", sparsity=0.01)).rank >= 1


def test_augmenting_adds_what_is_not_captured():
    found = planted(clips=48)
    x = found.at("blocks.03.out")
    base = state_subspace(x, found.labels, Recipe(rank=1))
    more = state_subspace(x, found.labels, Recipe(rank=1, augment=True))
    np.testing.assert_allclose(more.basis[:, 0], base.basis[:, 0], atol=1e-12)
    assert 1 <= more.rank <= 6
