"""Principal components of tokens against singular values in float64, their modes and reuse."""

import numpy as np
import pytest

from explorer.reductions import averaged, pca
from explorer.reductions import principal as module
from explorer.reductions.colours import to_rgb
from jepakit.evals.figures.tokens import component_colours

GRID = (4, 3, 5)


def tokens(seed=0, count=60, width=12):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(width, width)) * np.linspace(3, 0.2, width)[:, None]
    return (rng.normal(size=(count, width)) @ mixed + rng.normal(size=width)).astype(np.float32)


def by_svd(values, components):
    """Axes, scores and shares, slowly."""
    centred = values.astype(np.float64) - values.astype(np.float64).mean(axis=0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    for axis in axes:
        if axis[np.abs(axis).argmax()] < 0:
            axis *= -1
    shares = spread**2 / (spread**2).sum()
    return axes[:components], centred @ axes[:components].T, shares[:components]


@pytest.mark.parametrize("rows", [7, 4096])
def test_components_are_those_of_the_singular_values(rows, monkeypatch):
    monkeypatch.setattr(module, "ROWS", rows)
    values = tokens()
    axes, scores, shares = by_svd(values, 5)
    found = pca(values, components=5)
    np.testing.assert_allclose(found.axes, axes, atol=1e-9)
    np.testing.assert_allclose(found.points, scores, atol=1e-8)
    np.testing.assert_allclose(found.explained, shares, atol=1e-12)
    np.testing.assert_allclose(found.mean, values.mean(axis=0, dtype=np.float64), atol=1e-12)


def test_more_numbers_than_tokens():
    values = tokens(count=8, width=40)
    axes, scores, _ = by_svd(values, 7)
    found = pca(values, components=7)
    np.testing.assert_allclose(found.axes, axes, atol=1e-7)
    np.testing.assert_allclose(found.points, scores, atol=1e-7)


def test_the_largest_number_of_every_axis_is_positive_and_mirrored_tokens_keep_the_axes():
    values = tokens()
    found, mirrored = pca(values, components=12), pca(-values, components=12)
    largest = np.abs(found.axes).argmax(axis=1)
    assert (found.axes[np.arange(12), largest] > 0).all()
    np.testing.assert_allclose(mirrored.axes, found.axes, atol=1e-8)
    np.testing.assert_allclose(mirrored.points, -found.points, atol=1e-7)


def test_the_shares_of_all_components_are_the_whole():
    assert pca(tokens(), components=12).explained.sum() == pytest.approx(1)


def test_projection_repeats_the_points_and_takes_other_tokens():
    values, other = tokens(0), tokens(1)[:9]
    found = pca(values)
    np.testing.assert_allclose(found.project(values), found.points, atol=1e-12)
    slow = np.array([[axis @ (token - found.mean) for axis in found.axes] for token in other])
    np.testing.assert_allclose(found.project(other), slow, atol=1e-9)
    assert found.project(other[:0]).shape == (0, 3)
    with pytest.raises(ValueError, match="12 wide, came 11"):
        found.project(other[:, :11])


def test_spatial_components_are_those_of_the_means_over_time():
    values = tokens()
    means = [
        [np.mean([values.reshape(*GRID, -1)[t, y, x] for t in range(4)], axis=0, dtype=np.float64)]
        for y in range(3)
        for x in range(5)
    ]
    axes, scores, shares = by_svd(np.concatenate(means), 3)
    found = pca(values, mode="spatial", grid=GRID)
    assert found.grid == (1, 3, 5)
    np.testing.assert_allclose(found.points, scores, atol=1e-7)
    np.testing.assert_allclose(found.explained, shares, atol=1e-9)
    np.testing.assert_allclose(found.axes, axes, atol=1e-7)
    every = found.project(values).reshape(*GRID, 3).mean(axis=0).reshape(-1, 3)
    np.testing.assert_allclose(every, found.points, atol=1e-6)


def test_temporal_components_are_those_of_the_means_over_space():
    values = tokens()
    means = np.stack([part.astype(np.float64).mean(axis=0) for part in values.reshape(4, 15, -1)])
    axes, scores, _ = by_svd(means, 3)
    found = pca(values, mode="temporal", grid=GRID)
    assert found.grid == (4, 1, 1)
    np.testing.assert_allclose(found.axes, axes, atol=1e-6)
    np.testing.assert_allclose(found.points, scores, atol=1e-6)


def test_a_grid_is_kept_and_checked():
    values = tokens()
    assert pca(values, grid=GRID).grid == GRID
    assert pca(values).grid is None
    assert averaged(values, mode="global", grid=None)[0] is values
    with pytest.raises(ValueError, match="spatial mode averages tokens: say their grid"):
        pca(values, mode="spatial")
    with pytest.raises(ValueError, match=r"\(2, 3, 5\) has 30 tokens, came 60"):
        pca(values, grid=(2, 3, 5))


def test_what_has_no_components_is_refused():
    values = tokens()
    with pytest.raises(ValueError, match="4 points of 12 numbers have up to 3 components, 4 were"):
        pca(values, components=4, mode="temporal", grid=GRID)
    with pytest.raises(ValueError, match="up to 0 components"):
        pca(values[:1])
    values[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        pca(values)


def test_tokens_that_are_all_the_same_have_no_variance():
    found = pca(np.ones((9, 4), np.float32))
    assert (found.points == 0).all()
    assert (found.explained == 0).all()


def test_colours_are_those_of_the_reports():
    values = tokens(count=60)
    expected = component_colours(values.reshape(*GRID, -1))
    found = to_rgb(pca(values).points).reshape(*GRID, 3)
    np.testing.assert_allclose(found / 255, expected, atol=0.5 / 255 + 1e-6)
