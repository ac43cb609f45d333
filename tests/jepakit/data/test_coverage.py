import math

import numpy as np
import pytest

from jepakit.data.coverage import coverage_of


def slow(labels, objects, patch, tubelet):
    """Token by token in exact integers."""
    tt, hh, ww = (n // s for n, s in zip(labels.shape, (tubelet, patch, patch), strict=True))
    covered = np.zeros((objects, tt, hh, ww), np.uint8)
    for k, t, i, j in np.ndindex(covered.shape):
        token = labels[
            t * tubelet : (t + 1) * tubelet,
            i * patch : (i + 1) * patch,
            j * patch : (j + 1) * patch,
        ]
        covered[k, t, i, j] = math.ceil(255 * int((token == k + 1).sum()) / token.size)
    return covered


@pytest.mark.parametrize(
    ("objects", "patch", "tubelet"), [(0, 8, 1), (3, 4, 2), (7, 8, 4), (255, 2, 1)]
)
def test_against_slow_counting(objects, patch, tubelet):
    random = np.random.default_rng(objects)
    labels = random.integers(0, objects + 1, (4, 16, 24)).astype(np.uint8)
    np.testing.assert_array_equal(
        coverage_of(labels, objects, patch=patch, tubelet=tubelet),
        slow(labels, objects, patch, tubelet),
    )


def test_a_single_pixel_counts_and_full_is_255():
    labels = np.zeros((2, 16, 16), np.uint8)
    labels[0, 0, 0] = 1
    labels[:, 8:, 8:] = 2
    covered = coverage_of(labels, 3, patch=8, tubelet=2)
    assert covered[0].ravel().tolist() == [2, 0, 0, 0]  # ceil(255 / 128)
    assert covered[1].ravel().tolist() == [0, 0, 0, 255]
    assert not covered[2].any()


def test_one_object_covering_everything():
    covered = coverage_of(np.ones((2, 8, 8), np.uint8), 1, patch=4, tubelet=2)
    assert (covered == 255).all()


def test_refusals():
    labels = np.zeros((2, 8, 8), np.uint8)
    with pytest.raises(ValueError, match="do not divide"):
        coverage_of(labels, 1, patch=3, tubelet=2)
    labels[1, 2, 3] = 9
    with pytest.raises(ValueError, match=r"Frame 1 .* names object 9, .* 8 entries"):
        coverage_of(labels, 8, patch=4, tubelet=2)
