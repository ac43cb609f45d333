"""UMAP keeps groups together, repeats itself and says what it needs."""

import sys

import numpy as np
import pytest

from explorer.extra import MissingExtra
from explorer.reductions import umap_points

GROUPS = 3


def grouped(each=25, width=60, seed=0):
    rng = np.random.default_rng(seed)
    centres = 6 * rng.normal(size=(GROUPS, width))
    values = (centres[:, None] + rng.normal(size=(GROUPS, each, width))).reshape(-1, width)
    return values.astype(np.float32), np.arange(GROUPS).repeat(each)


@pytest.fixture(scope="module")
def umap():
    return pytest.importorskip("umap", reason="pip install 'jepakit[explorer]'")


@pytest.mark.slow  # compiles for some seconds
@pytest.mark.parametrize(("components", "first"), [(2, 20), (7, None)])
def test_groups_stay_together_and_a_seed_repeats_itself(umap, components, first):
    values, group = grouped()
    points = umap_points(values, components=components, neighbours=10, pca_first=first)
    assert points.shape == (75, components)
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (group[distance.argmin(axis=1)] == group).all()
    again = umap_points(values, components=components, neighbours=10, pca_first=first)
    np.testing.assert_array_equal(points, again)


@pytest.mark.slow  # compiles for some seconds
def test_few_tokens_and_equal_tokens_have_points(umap):
    values, _ = grouped(each=6)
    assert np.isfinite(umap_points(values, components=2)).all()
    values[:9] = values[0]
    assert np.isfinite(umap_points(values, components=3)).all()


def test_what_cannot_be_laid_out_is_refused():
    values, _ = grouped(each=5)
    with pytest.raises(ValueError, match="16 tokens, came 15"):
        umap_points(values)
    with pytest.raises(ValueError, match="at least 2 neighbours"):
        umap_points(values, neighbours=1)
    values[0, 0] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite"):
        umap_points(values, neighbours=5)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtra, match=r"needs umap, .* pip install 'jepakit\[explorer\]'"):
        umap_points(grouped()[0])
