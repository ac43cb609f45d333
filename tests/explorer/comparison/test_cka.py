"""CKA against Gram matrices, its limits and its small-sample value."""

from itertools import permutations

import numpy as np
import pytest
from compared_latents import latents, rotation, smooth

from explorer.comparison import (
    chance_cka,
    cka_by_layer,
    disagreement_map,
    latents_cka,
    layer_figure,
    linear_cka,
)
from jepakit.evals.figures.style import to_png


def rng(seed=0):
    return np.random.default_rng(seed)


def grams(*sides):
    n = len(sides[0])
    centring = np.eye(n) - 1 / n
    return [centring @ (x @ x.T) @ centring for x in sides]


def by_grams(x, y):
    k, m = grams(x, y)
    return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))


@pytest.mark.parametrize(("n", "d", "e"), [(30, 5, 9), (12, 40, 20), (2, 3, 3)])
def test_cka_is_that_of_gram_matrices(n, d, e):
    x, y = rng(0).normal(size=(n, d)) + 3, rng(1).normal(size=(n, e)) - 5
    y[:, 0] += x[:, 0]
    assert linear_cka(x, y) == pytest.approx(by_grams(x, y), rel=1e-10)
    assert linear_cka(y, x) == pytest.approx(linear_cka(x, y), rel=1e-12)


def test_identical_turned_scaled_and_moved_tokens_have_cka_one():
    x = smooth().reshape(-1, 12)
    for other in (x, x @ rotation(12), -7 * x + 100, np.pad(x, ((0, 0), (0, 3)))):
        assert linear_cka(x, other) == pytest.approx(1, abs=1e-10)


def test_a_large_mean_in_float32_does_not_drown_the_tokens():
    x, y = rng(0).normal(size=(500, 8)), rng(1).normal(size=(500, 8))
    y[:, :2] += 2 * x[:, :2]
    shifted = [(side + 1000).astype(np.float32) for side in (x, y)]
    assert linear_cka(*shifted) == pytest.approx(linear_cka(x, y), abs=1e-4)


@pytest.mark.parametrize(("n", "d", "e"), [(50, 20, 20), (120, 30, 90), (40, 100, 60)])
def test_independent_noise_has_its_small_sample_value(n, d, e):
    """E ||X^T Y||^2 = m d e and E ||X^T X||^2 = m d (m + d + 1), m = n - 1 (Wishart)."""
    m = n - 1
    expected = np.sqrt(d * e / ((m + d + 1) * (m + e + 1)))
    sides = [(rng(s).normal(size=(n, d)), rng(999 + s).normal(size=(n, e))) for s in range(100)]
    assert np.mean([linear_cka(x, y) for x, y in sides]) == pytest.approx(expected, rel=0.02)
    assert np.mean([chance_cka(x, y) for x, y in sides]) == pytest.approx(expected, rel=0.02)


def test_chance_is_the_mean_over_pairings():
    x, y = rng(0).normal(size=(5, 3)), rng(1).gamma(1.0, size=(5, 4))
    pairings = [linear_cka(x, y[list(order)]) for order in permutations(range(5))]
    assert chance_cka(x, y) == pytest.approx(np.mean(pairings), rel=1e-10)


def test_layers_are_compared_in_pairs():
    first = [latents(smooth(s), site=f"blocks.{s:02d}.out", model="a") for s in range(3)]
    second = [latents(smooth(s, dims=9), site=f"blocks.{s:02d}.out", model="b") for s in (1, 2)]
    found = cka_by_layer(first, second)
    assert found.values.shape == (3, 2)
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            pair = (one.flat, other.flat)
            assert found.values[row, column] == pytest.approx(linear_cka(*pair))
            assert found.chance[row, column] == pytest.approx(chance_cka(*pair))
    assert (found.rows[2], found.columns[0], found.names) == (
        "blocks.02.out",
        "blocks.01.out",
        ("a", "b"),
    )
    one = latents_cka(first[1], second[0])
    assert (one.value, one.chance) == (found.values[1, 0], found.chance[1, 0])
    own = cka_by_layer(first, first).values
    assert np.diag(own) == pytest.approx(np.ones(3))
    assert own == pytest.approx(own.T)
    assert to_png(layer_figure(found)).startswith(b"\x89PNG")


def test_fewer_tokens_can_be_taken():
    first, second = latents(smooth(0)), latents(smooth(1))
    kept = np.linspace(0, 191, 50).round().astype(int)
    found = cka_by_layer([first], [second], most=50).values[0, 0]
    assert found == pytest.approx(linear_cka(first.flat[kept], second.flat[kept]))
    assert (
        cka_by_layer([first], [second], most=10**6).values == cka_by_layer([first], [second]).values
    )


def test_finer_tokens_are_averaged():
    fine = smooth(0, grid=(4, 6, 8))
    coarse = fine.reshape(2, 2, 3, 2, 4, 2, 12).mean(axis=(1, 3, 5))
    pair = latents(fine), latents(coarse, tubelet=4, patch=8)
    assert latents_cka(*pair).value == pytest.approx(1)
    assert disagreement_map(*pair) == pytest.approx(np.zeros((2, 3, 4)), abs=1e-12)
    thirds = latents(smooth(1, grid=(4, 4, 4)))
    assert disagreement_map(latents(fine), thirds).shape == (4, 2, 4)


def test_disagreement_is_one_less_the_cosine_of_gram_rows():
    first, second = latents(smooth(0)), latents(smooth(1, dims=7))
    k, m = grams(first.flat, second.flat)
    lengths = np.linalg.norm(k, axis=1) * np.linalg.norm(m, axis=1)
    cosine = (k * m).sum(axis=1) / lengths
    found = disagreement_map(first, second)
    assert found == pytest.approx((1 - cosine).reshape(4, 6, 8), abs=1e-10)
    weighted = lengths @ (1 - found.ravel()) / np.sqrt((k**2).sum() * (m**2).sum())
    assert weighted == pytest.approx(linear_cka(first.flat, second.flat))


def test_disagreement_is_where_it_was_made():
    values = smooth()
    turned = values @ rotation(12) * 3
    assert disagreement_map(latents(values), latents(turned)) == pytest.approx(
        np.zeros((4, 6, 8)), abs=1e-10
    )
    turned[1, 2, 3] = turned[3, 5, 0]
    found = disagreement_map(latents(values), latents(turned))
    assert np.unravel_index(found.argmax(), found.shape) == (1, 2, 3)
    assert found.max() > 10 * np.median(found)


def test_what_cannot_be_compared_is_refused():
    x = rng().normal(size=(5, 3))
    with pytest.raises(ValueError, match="came 5 and 4"):
        linear_cka(x, x[:4])
    with pytest.raises(ValueError, match="at least 2 tokens"):
        linear_cka(x[:1], x[:1])
    with pytest.raises(ValueError, match="1 values not finite"):
        linear_cka(x, np.where(x == x[0, 0], np.nan, x))
    for level in (0.0, 0.1, 1e6 / 3):
        with pytest.raises(ValueError, match="All 5 tokens are equal"):
            linear_cka(x, np.full((5, 3), level))
    first = latents(smooth())
    with pytest.raises(ValueError, match=r"'a clip' with frames 0 to 7 \(8\) and 'b'"):
        latents_cka(first, latents(smooth(), name="b"))
    with pytest.raises(ValueError, match="frames 4 to 11"):
        disagreement_map(first, latents(smooth(), first=4))
    with pytest.raises(ValueError, match="layers of one grid"):
        cka_by_layer([first, latents(smooth(grid=(4, 6, 4)))], [first])
    with pytest.raises(ValueError, match="layers of one grid"):
        cka_by_layer([], [first])
