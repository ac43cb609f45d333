from itertools import product

import numpy as np
import pytest

from explorer.latents import Latents, Token
from explorer.tracking import centred, similarity
from tests.explorer.tracking.planted import latents_of, noise, planted


def slow_similarity(
    latents: Latents,
    positives: list[Token],
    negatives: list[Token],
    average: int,
    centring: str,
) -> np.ndarray:
    values = latents.values.astype(np.float64)
    slices, rows, columns, _ = values.shape
    tokens = list(product(range(slices), range(rows), range(columns)))
    mean = np.mean([values[t] for t in tokens], axis=0)
    left = np.zeros_like(values)
    for t, i, j in tokens:
        taken = 0 * mean
        if centring == "clip":
            taken = mean
        if centring == "position":
            row = np.mean([values[u] for u in tokens if u[1] == i], axis=0)
            column = np.mean([values[u] for u in tokens if u[2] == j], axis=0)
            taken = row + column - mean
        left[t, i, j] = values[t, i, j] - taken

    def clicked(token: Token) -> np.ndarray:
        t, i, j = token
        half = average // 2
        square = [
            left[t, a, b]
            for a in range(i - half, i + half + 1)
            for b in range(j - half, j + half + 1)
            if 0 <= a < rows and 0 <= b < columns
        ]
        return np.mean(square, axis=0)

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.sqrt((a @ a) * (b @ b)))

    out = np.zeros(latents.grid)
    for token in tokens:
        out[token] = max(cosine(left[token], clicked(p)) for p in positives)
        if negatives:
            out[token] -= max(cosine(left[token], clicked(n)) for n in negatives)
    return out


@pytest.mark.parametrize("centring", ["none", "clip", "position"])
@pytest.mark.parametrize("average", [1, 3])
def test_similarity_is_the_slow_one(centring: str, average: int) -> None:
    latents = latents_of(noise((3, 4, 5, 7)) + 2 * noise((7,), 1))
    positives, negatives = [(0, 0, 0), (1, 2, 4)], [(2, 3, 4)]
    fast = similarity(latents, positives, negatives, average=average, centring=centring)
    slow = slow_similarity(latents, positives, negatives, average, centring)
    np.testing.assert_allclose(fast, slow, atol=2e-6)
    alone = similarity(latents, positives, average=average, centring=centring)
    np.testing.assert_allclose(
        alone, slow_similarity(latents, positives, [], average, centring), atol=2e-6
    )


def test_a_clicked_token_scores_one_and_negatives_take_over() -> None:
    latents = planted([(1, 1), (2, 3)])
    scores = similarity(latents, [(0, 1, 1)])
    assert scores[0, 1, 1] == pytest.approx(1, abs=1e-6)
    assert scores.max() <= 1 + 1e-6
    both = similarity(latents, [(0, 1, 1)], [(0, 5, 5)])
    assert both[0, 1, 1] > 0 > both[0, 5, 5]


@pytest.mark.parametrize("centring", ["none", "clip", "position"])
def test_scaling_all_tokens_changes_nothing(centring: str) -> None:
    values = noise((2, 4, 4, 8))
    once = similarity(latents_of(values), [(0, 1, 2)], average=3, centring=centring)
    large = similarity(latents_of(64 * values), [(0, 1, 2)], average=3, centring=centring)
    np.testing.assert_array_equal(once, large)


def test_what_all_tokens_share_hides_differences_until_it_is_taken_away() -> None:
    alone, shared = planted([(1, 1)] * 3), planted([(1, 1)] * 3, common=30.0)
    plain = similarity(shared, [(0, 1, 1)], centring="none")
    assert plain.min() > 0.95
    np.testing.assert_allclose(
        similarity(shared, [(0, 1, 1)]), similarity(alone, [(0, 1, 1)]), atol=1e-4
    )


def test_position_effects_are_taken_away() -> None:
    base = noise((3, 4, 5, 16))
    effect = 20 * (noise((1, 4, 1, 16), 1) + noise((1, 1, 5, 16), 2))
    plain, shifted = (
        similarity(latents_of(values), [(0, 1, 2)], centring="position")
        for values in (base, base + effect)
    )
    np.testing.assert_allclose(plain, shifted, atol=1e-4)
    rest = centred(base + effect, "position")
    np.testing.assert_allclose(rest.mean(axis=(0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(rest.mean(axis=(0, 2)), 0, atol=1e-4)


@pytest.mark.parametrize("centring", ["clip", "position"])
def test_identical_tokens_resemble_nothing(centring: str) -> None:
    token = noise((12,)) * 1000
    latents = latents_of(np.broadcast_to(token, (11, 4, 5, 12)).copy())
    assert not similarity(latents, [(0, 1, 1)], average=3, centring=centring).any()
    np.testing.assert_allclose(similarity(latents, [(0, 1, 1)], centring="none"), 1, atol=1e-6)


def test_tokens_that_equal_the_mean_resemble_nothing() -> None:
    values = np.broadcast_to(1000 * noise((12,)), (11, 4, 5, 12)).copy()
    object_ = 100 * noise((12,), 1)
    values[0, 1, 1] += object_
    values[3, 2, 2] -= object_
    scores = similarity(latents_of(values), [(0, 1, 1)])
    assert scores[0, 1, 1] == pytest.approx(1, abs=1e-4)
    assert scores[3, 2, 2] == pytest.approx(-1, abs=1e-4)
    assert np.count_nonzero(scores) == 2  # of the others only rounding is left


def test_half_precision_is_taken() -> None:
    values = noise((2, 3, 3, 8))
    half = similarity(latents_of(values.astype(np.float16)), [(0, 1, 1)])
    np.testing.assert_allclose(half, similarity(latents_of(values), [(0, 1, 1)]), atol=5e-3)


def test_impossible_queries_are_refused() -> None:
    latents = planted([(1, 1)] * 2)
    with pytest.raises(ValueError, match="at least one positive"):
        similarity(latents, [], [(0, 0, 0)])
    for outside in ((2, 0, 0), (0, 8, 0), (0, 0, 9), (0, -1, 0)):
        with pytest.raises(ValueError, match=r"\(2, 8, 9\).*came"):
            similarity(latents, [(0, 0, 0)], [outside])
    for even in (0, 2):
        with pytest.raises(ValueError, match="odd number"):
            similarity(latents, [(0, 0, 0)], average=even)
