import math
from itertools import product

import numpy as np
import pytest

from explorer.tracking import contour_accuracy, j_and_f, region_similarity
from explorer.tracking.segmentation_scores import outline


def slow_outline(mask: np.ndarray) -> set[tuple[int, int]]:
    rows, columns = mask.shape
    return {
        (i, j)
        for i, j in product(range(rows), range(columns))
        if any(
            i + a < rows and j + b < columns and mask[i + a, j + b] != mask[i, j]
            for a, b in ((0, 1), (1, 0), (1, 1))
        )
    }


def slow_contour_accuracy(mask: np.ndarray, truth: np.ndarray, tolerance: float) -> float:
    found, true = slow_outline(mask), slow_outline(truth)
    if not found or not true:
        return float(not found and not true)
    reach = math.ceil(tolerance * math.sqrt(mask.shape[0] ** 2 + mask.shape[1] ** 2))

    def share(these: set[tuple[int, int]], those: set[tuple[int, int]]) -> float:
        near = [any((i - a) ** 2 + (j - b) ** 2 <= reach**2 for a, b in those) for i, j in these]
        return sum(near) / len(near)

    precision, recall = share(found, true), share(true, found)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.indices((24, 30))
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


@pytest.mark.parametrize("tolerance", [0.008, 0.05, 0.2])
def test_contour_accuracy_is_the_slow_one(tolerance: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(6):
        mask, truth = (disc(*rng.uniform(0, 25, 2), rng.uniform(2, 9)) for _ in range(2))
        mask ^= rng.random(mask.shape) < 0.02
        assert outline(mask).sum() == len(slow_outline(mask))
        fast = contour_accuracy(mask, truth, tolerance=tolerance)
        assert fast == pytest.approx(slow_contour_accuracy(mask, truth, tolerance))
        assert fast == pytest.approx(contour_accuracy(truth, mask, tolerance=tolerance))


def test_hand_cases() -> None:
    truth = np.zeros((24, 30), bool)
    truth[4:12, 5:15] = True
    half, empty = truth.copy(), np.zeros_like(truth)
    half[4:8] = False
    shifted = np.roll(truth, 1, axis=1)  # within ceil(0.008 * 38.4) = 1 pixel everywhere
    assert region_similarity(truth, truth) == contour_accuracy(truth, truth) == 1
    assert region_similarity(half, truth) == pytest.approx(0.5)
    assert region_similarity(shifted, truth) == pytest.approx(9 / 11)
    assert contour_accuracy(shifted, truth) == 1
    assert contour_accuracy(np.roll(truth, 3, axis=1), truth) < 1
    assert region_similarity(empty, empty) == contour_accuracy(empty, empty) == 1
    for pair in ((empty, truth), (truth, empty)):
        assert region_similarity(*pair) == contour_accuracy(*pair) == 0
    apart = disc(4, 4, 2), disc(18, 24, 2)
    assert region_similarity(*apart) == contour_accuracy(*apart) == 0


def test_the_edge_of_the_picture_is_no_outline() -> None:
    mask = np.zeros((6, 8), bool)
    mask[:, 4:] = True
    assert sorted(map(tuple, np.argwhere(outline(mask)).tolist())) == [(i, 3) for i in range(6)]


def test_means_are_over_frames_then_objects() -> None:
    truth = np.zeros((2, 24, 30), np.int64)
    truth[:, 4:12, 5:15] = 1
    truth[0, 16:20, 20:28] = 3  # gone in the second frame
    found = truth.copy()
    found[1, 4:12, 5:15] = 0
    scores = j_and_f(found, truth)
    assert scores.objects == (1, 3)
    np.testing.assert_allclose(scores.region, [0.5, 1])
    np.testing.assert_allclose(scores.contour, [0.5, 1])
    assert scores.mean == pytest.approx(0.75)
    assert j_and_f(found, truth, objects=[3]).mean == 1
    assert math.isnan(j_and_f(0 * truth, 0 * truth).mean)


def test_maps_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="of one size"):
        j_and_f(np.zeros((2, 4, 4), np.int64), np.zeros((2, 4, 5), np.int64))
    with pytest.raises(ValueError, match="of one size"):
        j_and_f(np.zeros((0, 4, 4), np.int64), np.zeros((0, 4, 4), np.int64))
