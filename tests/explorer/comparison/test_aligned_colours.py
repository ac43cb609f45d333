"""Procrustes alignment against its optimum, and colours that mean the same."""

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
from compared_latents import latents, rotation, smooth

from explorer.comparison import Procrustes, aligned_colours, common_grid
from explorer.comparison.common_grid import on_grid
from explorer.reductions import pca, to_rgb


def rng(seed=0):
    return np.random.default_rng(seed)


def test_procrustes_is_that_of_scipy():
    a, b = rng(0).normal(size=(30, 4)), rng(1).normal(size=(30, 4))
    found = Procrustes.fit(a, b)
    expected, strength = scipy.linalg.orthogonal_procrustes(a, b)
    assert found.rotation == pytest.approx(expected)
    assert found.scale == pytest.approx(strength / (a**2).sum())
    rest = ((found(a) - b) ** 2).sum()
    centred = [x - x.mean(axis=0) for x in (b, a)]
    turned = Procrustes.fit(centred[1], centred[0])(centred[1])
    left = ((turned - centred[0]) ** 2).sum() / (centred[0] ** 2).sum()
    assert left == pytest.approx(scipy.spatial.procrustes(b, a)[2])
    for seed in range(50):
        near = scipy.linalg.expm(0.05 * (g := rng(seed).normal(size=(4, 4))) - 0.05 * g.T)
        assert ((found.scale * a @ found.rotation @ near - b) ** 2).sum() >= rest


def test_colours_of_turned_latents_are_equal():
    values = smooth()
    for turned in (values, values @ rotation(12), -3 * values + 5, np.flip(values, axis=-1)):
        found = aligned_colours(latents(values), latents(np.ascontiguousarray(turned)))
        assert found.second == pytest.approx(found.first, abs=1e-8)
        one, other = found.rgb
        assert np.abs(one.astype(int) - other).max() <= 1
        assert found.correlation == pytest.approx(np.ones(3))
        assert found.held_out == pytest.approx(np.ones(3))


def test_the_first_model_keeps_its_own_colours():
    first = latents(smooth())
    found = aligned_colours(first, latents(smooth(1)))
    points = pca(first.flat, components=3).points
    assert found.first.reshape(-1, 3) == pytest.approx(points)
    assert np.array_equal(found.rgb[0].reshape(-1, 3), to_rgb(points))
    assert found.rgb[1].dtype == np.uint8


def test_components_in_another_order_are_found():
    """What is first in one model and sixth in the other has the same colour."""
    directions = rotation(12)[:, :6]
    centred = (noise := rng(2).normal(size=(192, 6))) - noise.mean(axis=0)
    scores = np.linalg.qr(centred)[0]
    sizes = np.array([3.0, 2.7, 2.4, 2.1, 1.8, 1.5])
    first = (scores * sizes) @ directions.T
    second = (scores * sizes[::-1]) @ directions.T
    sides = [latents(side.reshape(4, 6, 8, 12)) for side in (first, second)]
    assert aligned_colours(*sides).correlation == pytest.approx(np.ones(3))
    assert aligned_colours(*sides).held_out.min() > 0.8
    assert aligned_colours(*sides, components=3).correlation.max() < 0.6


def test_noise_agrees_where_it_was_fitted_only():
    sides = [latents(rng(s).normal(size=(2, 6, 6, 40))) for s in range(2)]
    found = aligned_colours(*sides)
    assert found.correlation.mean() > 0.2
    assert abs(found.held_out.mean()) < 0.2


def test_widths_and_grids_may_differ():
    fine = smooth(0, grid=(4, 6, 8))
    coarse = fine.reshape(2, 2, 3, 2, 4, 2, 12).mean(axis=(1, 3, 5)) @ rotation(12)[:, :12]
    wide = np.concatenate([coarse, np.zeros((2, 3, 4, 5))], axis=-1)
    first, second = latents(fine), latents(wide, tubelet=4, patch=8)
    assert common_grid(first, second) == (2, 3, 4)
    found = aligned_colours(first, second)
    assert (found.first.shape, found.second.shape) == ((4, 6, 8, 3), (2, 3, 4, 3))
    assert found.correlation.min() > 0.99
    assert [rgb.shape for rgb in found.rgb] == [(4, 6, 8, 3), (2, 3, 4, 3)]


def test_cells_are_means_of_their_tokens():
    values = rng().normal(size=(4, 6, 2, 3))
    cells = on_grid(values, (2, 3, 1)).reshape(2, 3, 1, 3)
    for t in range(2):
        for y in range(3):
            inside = values[2 * t : 2 * t + 2, 2 * y : 2 * y + 2]
            assert cells[t, y, 0] == pytest.approx(inside.mean(axis=(0, 1, 2)))
    with pytest.raises(ValueError, match="evenly"):
        on_grid(values, (3, 3, 1))


def test_a_column_is_held_out_by_rows_and_a_token_not_at_all():
    column = smooth(grid=(8, 4, 1))
    assert aligned_colours(latents(column), latents(-column)).held_out == pytest.approx(np.ones(3))
    single = smooth(grid=(8, 1, 1))
    assert np.isnan(aligned_colours(latents(single), latents(single)).held_out).all()


def test_what_cannot_be_aligned_is_refused():
    first = latents(smooth())
    with pytest.raises(ValueError, match="one clip"):
        aligned_colours(first, latents(smooth(), name="other"))
    with pytest.raises(ValueError, match="need 3 components, 2 of 2"):
        aligned_colours(first, first, components=2)
    with pytest.raises(ValueError, match="need 3 components, 2 of 10"):
        aligned_colours(first, latents(smooth(dims=2)))
    with pytest.raises(ValueError, match="all 0"):
        Procrustes.fit(np.zeros((4, 3)), np.ones((4, 3)))
