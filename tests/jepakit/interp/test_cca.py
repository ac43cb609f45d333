"""Ridge CCA against the generalised eigenproblem, and against independent noise."""

import warnings

import numpy as np
import pytest
import scipy.linalg

from jepakit.interp.cca import OverfitWarning, ridge_cca


def rng(seed=0):
    return np.random.default_rng(seed)


def related(clips=120, seed=0):
    draw = rng(seed)
    shared = draw.normal(size=(clips, 3))
    x = shared @ rng(50).normal(size=(3, 8)) + draw.normal(size=(clips, 8)) + 4.0
    y = shared @ rng(51).normal(size=(3, 6)) + draw.normal(size=(clips, 6)) - 2.0
    return x, y


def eigenproblem(x, y, ridge):
    """``[0 Sxy; Syx 0] w = rho [Sxx + ridge, 0; 0, Syy + ridge] w``, the largest first."""
    p = x.shape[1]
    joint = np.cov(np.hstack([x, y]), rowvar=False)
    own = scipy.linalg.block_diag(joint[:p, :p], joint[p:, p:])
    values, vectors = scipy.linalg.eigh(joint - own, own + ridge * np.eye(len(joint)))
    return values[::-1], vectors[:p, ::-1], vectors[p:, ::-1]


@pytest.mark.parametrize("ridge", [0.0, 0.1, 5.0])
def test_is_the_generalised_eigenproblem(ridge):
    x, y = related()
    values, left, right = eigenproblem(x, y, ridge)
    fitted = ridge_cca(x, y, components=4, ridge=ridge)
    np.testing.assert_allclose(fitted.canonical, values[:4], atol=1e-10)
    for ours, theirs in [(fitted.x_weights, left), (fitted.y_weights, right)]:
        cosines = (ours * theirs[:, :4]).sum(axis=0) / (
            np.linalg.norm(ours, axis=0) * np.linalg.norm(theirs[:, :4], axis=0)
        )
        np.testing.assert_allclose(np.abs(cosines), 1.0, atol=1e-8)
    expected = [
        np.corrcoef(x @ a, y @ b)[0, 1]
        for a, b in zip(fitted.x_weights.T, fitted.y_weights.T, strict=True)
    ]
    np.testing.assert_allclose(fitted.correlations, expected, atol=1e-10)
    if ridge == 0:
        np.testing.assert_allclose(fitted.correlations, fitted.canonical, atol=1e-10)
    else:
        assert (fitted.canonical < fitted.correlations).all()


def test_variates_are_white_without_ridge():
    x, y = related()
    fitted = ridge_cca(x, y, components=4)
    for variates in (fitted.transform_x(x), fitted.transform_y(y)):
        np.testing.assert_allclose(np.cov(variates, rowvar=False), np.eye(4), atol=1e-10)
        np.testing.assert_allclose(variates.mean(axis=0), 0, atol=1e-10)
    cross = fitted.transform_x(x).T @ fitted.transform_y(y) / 119
    np.testing.assert_allclose(cross, np.diag(fitted.canonical), atol=1e-10)


def test_linear_maps_of_the_activations_change_nothing():
    x, y = related()
    mixing = rng(9).normal(size=(8, 8))
    plain, mixed = ridge_cca(x, y, components=4), ridge_cca(x @ mixing, 3 * y + 1, components=4)
    np.testing.assert_allclose(plain.correlations, mixed.correlations, atol=1e-9)


def test_signs_are_fixed():
    x, y = related()
    first, second = ridge_cca(x, y, components=4), ridge_cca(-x, -y, components=4)
    np.testing.assert_allclose(first.x_weights, second.x_weights, atol=1e-9)
    largest = np.abs(first.x_weights).argmax(axis=0)
    assert (first.x_weights[largest, np.arange(4)] > 0).all()


def test_shared_signal_is_held_out_and_noise_is_not():
    fitted = ridge_cca(*related(), components=6)
    held_out = fitted.held_out(*related(seed=1, clips=2000))
    assert held_out[:3].min() > 0.5
    assert np.abs(held_out[3:]).max() < 0.1


def test_independent_noise_correlates_fully_in_the_fit_and_not_held_out():
    x, y = rng(1).normal(size=(60, 100)), rng(2).normal(size=(60, 80))
    with pytest.warns(OverfitWarning, match=r"59 \+ 59 dimensions for 60 clips"):
        fitted = ridge_cca(x, y, components=7)
    np.testing.assert_allclose(fitted.correlations, 1.0, atol=1e-9)
    others = rng(3).normal(size=(500, 100)), rng(4).normal(size=(500, 80))
    assert np.abs(fitted.held_out(*others)).max() < 0.2


def test_principal_components_bound_the_noise():
    x, y = rng(1).normal(size=(60, 100)), rng(2).normal(size=(60, 80))
    fitted = ridge_cca(x, y, components=7, pca=10)
    assert fitted.correlations[0] < 0.8
    # The same as reducing by hand.
    small = [np.linalg.svd(s - s.mean(axis=0), full_matrices=False) for s in (x, y)]
    reduced = ridge_cca(*(u[:, :10] * s[:10] for u, s, _ in small), components=7)
    np.testing.assert_allclose(fitted.correlations, reduced.correlations, atol=1e-9)


def test_ridge_is_not_warned_about():
    x, y = rng(1).normal(size=(60, 100)), rng(2).normal(size=(60, 80))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = ridge_cca(x, y, components=7, ridge=10.0)
    assert fitted.canonical[0] < 0.5


def test_refuses_other_clips():
    x, y = related()
    with pytest.raises(ValueError, match="at least 3, got 120 and 119"):
        ridge_cca(x, y[1:])
    with pytest.raises(ValueError, match="at least 3, got 2 and 2"):
        ridge_cca(x, y, components=2).held_out(x[:2], y[:2])


def test_refuses_activations_that_are_not_finite():
    x, y = related()
    with pytest.raises(ValueError, match="second side must be finite"):
        ridge_cca(x, np.full_like(y, np.nan))


@pytest.mark.parametrize("components", [0, 7])
def test_refuses_more_components_than_dimensions(components):
    with pytest.raises(ValueError, match=f"1 to 6, .* got {components}"):
        ridge_cca(*related(), components=components)


@pytest.mark.parametrize("options", [{"ridge": -1.0}, {"ridge": float("nan")}, {"pca": 0}])
def test_refuses_impossible_options(options):
    with pytest.raises(ValueError, match="ridge must be 0 or more and pca at least 1"):
        ridge_cca(*related(), **options)


def test_refuses_constant_activations():
    x, y = related()
    with pytest.raises(ValueError, match="120 activations of one side do not vary"):
        ridge_cca(x, np.full_like(y, 0.1))


def test_refuses_another_width_than_that_of_the_fit():
    x, y = related()
    fitted = ridge_cca(x, y, components=2)
    with pytest.raises(ValueError, match="width 8, got 6"):
        fitted.transform_x(y)
    with pytest.raises(ValueError, match="width 6, got 8"):
        fitted.transform_y(x)


def test_refuses_held_out_clips_that_are_all_alike():
    x, y = related()
    fitted = ridge_cca(x, y, components=2)
    with pytest.raises(ValueError, match="does not vary on these clips"):
        fitted.held_out(np.repeat(x[:1], 5, axis=0), y[:5])
