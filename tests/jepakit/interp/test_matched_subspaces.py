"""Control subspaces: what they capture, where they lie, that they are random."""

import numpy as np
import pytest

from jepakit.interp.matched_subspaces import (
    NoSuchSubspaceError,
    energy_matched_subspace,
    principal_axes,
    random_subspace,
    rotated_subspace,
)

RNG = np.random.default_rng(0)
SPREAD = np.linspace(4, 0.2, 30)
X = RNG.normal(size=(200, 30)) * SPREAD + 5.0


def rng(seed=0):
    return np.random.default_rng(seed)


def energy(x, basis):
    return np.trace(basis.T @ np.cov(x, rowvar=False) @ basis)


def assert_orthonormal(basis):
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)


def test_captured_variance_is_the_trace():
    basis = random_subspace(30, 4, rng())
    assert principal_axes(X).captured(basis) == pytest.approx(energy(X, basis), rel=1e-10)


def test_random_subspaces_catch_rank_by_width():
    unit = np.eye(12)[0]
    held = [((random_subspace(12, 3, rng(s)).T @ unit) ** 2).sum() for s in range(2000)]
    assert np.mean(held) == pytest.approx(3 / 12, abs=4 * np.std(held) / np.sqrt(2000))
    assert_orthonormal(random_subspace(12, 3, rng()))


def test_rotations_stay_within_the_leading_components():
    leading = principal_axes(X).axes[:, :6]
    basis = rotated_subspace(X, 3, rng(), components=6)
    assert_orthonormal(basis)
    np.testing.assert_allclose(leading @ (leading.T @ basis), basis, atol=1e-12)
    assert np.abs(basis - rotated_subspace(X, 3, rng(1), components=6)).max() > 0.01


def test_rotations_take_the_components_that_exist():
    assert rotated_subspace(X[:5], 4, rng()).shape == (30, 4)  # 5 clips have 4 components


@pytest.mark.parametrize("clips", [200, 33, 20, 5])
@pytest.mark.parametrize("leading", [0, 2, 3])
def test_energy_is_matched(clips, leading):
    x = X[:clips]
    axes = principal_axes(x)
    # Some leading components and some of an arbitrary subspace.
    mixed = np.hstack([axes.axes[:, 1 : 1 + leading], rng(5).normal(size=(30, 4 - leading))])
    basis = np.linalg.qr(mixed)[0]
    matched = energy_matched_subspace(x, basis, rng(1))
    assert_orthonormal(matched)
    assert energy(x, matched) == pytest.approx(energy(x, basis), rel=1e-3)
    assert np.linalg.norm(matched.T @ basis) ** 2 / 4 < 0.9


@pytest.mark.parametrize("weak", [slice(20, 24), slice(25, 29)])
def test_energy_of_the_weakest_components_is_matched_too(weak):
    axes = principal_axes(X)
    basis = axes.axes[:, weak]
    matched = energy_matched_subspace(axes, basis, rng(1))
    assert energy(X, matched) == pytest.approx(energy(X, basis), rel=1e-3)


def test_no_energy_is_matched_where_clips_do_not_vary():
    few = X[:4]
    outside = np.linalg.svd(few - few.mean(axis=0))[2][10:12].T
    assert energy(few, energy_matched_subspace(few, outside, rng())) < 1e-6 * few.var(axis=0).sum()


def test_draws_differ_and_repeat():
    basis = principal_axes(X).axes[:, 3:6]
    first, again, other = (energy_matched_subspace(X, basis, rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.linalg.norm(first.T @ other) ** 2 / 3 < 0.9


def test_axes_given_once_give_the_same_as_activations():
    basis = principal_axes(X).axes[:, 3:6]
    for draw in (energy_matched_subspace, lambda x, basis, rng: rotated_subspace(x, 3, rng)):
        np.testing.assert_array_equal(
            draw(X, basis, rng(3)), draw(principal_axes(X), basis, rng(3))
        )


@pytest.mark.parametrize("rank", [0, 5])
def test_refuses_ranks_that_do_not_fit(rank):
    with pytest.raises(ValueError, match=f"1 to 4, the width, got {rank}"):
        random_subspace(4, rank, rng())


def test_refuses_a_rotation_of_more_directions_than_components():
    with pytest.raises(ValueError, match="1 to 2"):
        rotated_subspace(X, 3, rng(), components=2)


def test_refuses_an_energy_that_nothing_else_has():
    flat = rng().normal(size=(400, 30))
    with pytest.raises(NoSuchSubspaceError, match="extreme components only"):
        energy_matched_subspace(flat, principal_axes(flat).axes[:, :10], rng())


def test_refuses_activations_that_do_not_vary():
    with pytest.raises(ValueError, match="9 activations do not vary"):
        principal_axes(np.full((9, 4), 0.1))


def test_refuses_activations_that_are_not_finite():
    with pytest.raises(ValueError, match="must be finite"):
        principal_axes(np.full((9, 4), np.nan))


def test_refuses_a_basis_of_another_width():
    with pytest.raises(ValueError, match="width 30, the basis has 4"):
        energy_matched_subspace(X, np.eye(4), rng())
