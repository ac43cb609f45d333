"""Readouts: what becomes of a frame's tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from jepakit.nn.principal import PrincipalReadout
from jepakit.nn.readout import AllPatches, PooledPatches, VectorReadout


def tokens(frames: int = 50, n: int = 6, d: int = 4) -> torch.Tensor:
    """Correlated numbers with a mean."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(n * d, n * d, generator=generator)
    return (torch.randn(frames, n * d, generator=generator) @ mixing + 3).unflatten(1, (n, d))


class TestPlain:
    def test_all_patches(self) -> None:
        readout = AllPatches(4, (2, 3))
        assert torch.equal(readout(tokens()), tokens())
        assert (readout.grid, readout.width) == ((2, 3), 4)

    def test_pooled_patches_are_means_of_quarters(self) -> None:
        given = torch.randn(3, 24, 5)
        found = PooledPatches(5, (4, 6), side=2)(given)
        image = given.view(3, 4, 6, 5)
        for row in range(2):
            for column in range(2):
                part = image[:, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
                expected = part.mean(dim=(1, 2))
                assert torch.allclose(found[:, 2 * row + column], expected, atol=1e-6)

    def test_a_global_mean(self) -> None:
        assert torch.allclose(PooledPatches(4, (2, 3))(tokens())[:, 0], tokens().mean(1), atol=1e-5)

    def test_parts_must_be_equal(self) -> None:
        with pytest.raises(ValueError, match="no 4 x 4 equal parts"):
            PooledPatches(5, (4, 6), side=4)

    def test_a_vector_depends_on_where_a_token_is(self) -> None:
        readout = VectorReadout(4, (2, 3), latent=7)
        assert readout(tokens()).shape == (50, 1, 7)
        assert not torch.allclose(readout(tokens().flip(1)), readout(tokens()), atol=1e-3)


class TestPrincipal:
    def test_as_scikit_learn(self) -> None:
        given = tokens()
        readout = PrincipalReadout(4, (2, 3), components=5)
        explained = readout.fit(given)
        flat = given.flatten(1).double().numpy()
        theirs = PCA(5, svd_solver="full").fit(flat)
        assert explained == pytest.approx(theirs.explained_variance_ratio_.sum(), abs=1e-6)
        expected = theirs.transform(flat)
        expected /= np.sqrt((expected**2).mean())
        found = readout(given)[:, 0].double().numpy()
        signs = np.sign((found * expected).sum(axis=0))
        np.testing.assert_allclose(found, expected * signs, atol=1e-4)

    def test_all_components_keep_all_distances(self) -> None:
        given = tokens(60)
        readout = PrincipalReadout(4, (2, 3), components=24)
        readout.fit(given)
        found, flat = readout(given)[:, 0], given.flatten(1)
        distances = (found[1:] - found[:-1]).norm(dim=1) * readout.scale
        assert torch.allclose(distances, (flat[1:] - flat[:-1]).norm(dim=1), rtol=1e-4)

    def test_components_are_saved_and_their_signs_are_fixed(self) -> None:
        first, second = (PrincipalReadout(4, (2, 3), components=5) for _ in range(2))
        first.fit(tokens())
        second.load_state_dict(first.state_dict())
        assert bool(second.fitted)
        assert torch.equal(first(tokens()), second(tokens()))
        third = PrincipalReadout(4, (2, 3), components=5)
        third.fit(tokens().flip(0))
        assert torch.allclose(third.basis, first.basis, atol=1e-4)

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="1 to 24, got 25"):
            PrincipalReadout(4, (2, 3), components=25)
        with pytest.raises(ValueError, match="more frames than 5"):
            PrincipalReadout(4, (2, 3), components=5).fit(tokens(5))
