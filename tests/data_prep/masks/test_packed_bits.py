import numpy as np
import pytest

from data_prep.masks.packed_bits import areas_of, intersections, overlap, pack


@pytest.mark.parametrize("shape", [(7, 32, 32), (3, 5, 7), (2, 1, 1), (0, 8, 8), (4, 9, 64)])
def test_counts_are_those_of_pixels(shape):
    generator = np.random.default_rng(0)
    masks, others = generator.random(shape) < 0.3, generator.random((5, *shape[1:])) < 0.3
    bits, more = pack(masks), pack(others)
    np.testing.assert_array_equal(areas_of(bits), masks.sum(axis=(1, 2)))
    expected = [[(a & b).sum() for b in others] for a in masks]
    np.testing.assert_array_equal(intersections(bits, more).reshape(-1), np.ravel(expected))
    iou = overlap(intersections(bits, more), areas_of(bits), areas_of(more))
    slow = [[(a & b).sum() / max(1, (a | b).sum()) for b in others] for a in masks]
    np.testing.assert_allclose(iou.reshape(-1), np.ravel(slow), rtol=0, atol=0)


def test_an_empty_mask_shares_nothing_not_even_with_itself():
    bits = pack(np.zeros((1, 3, 3), dtype=bool))
    assert overlap(intersections(bits, bits), areas_of(bits), areas_of(bits)).item() == 0


def test_only_words_in_use_are_read():
    masks = np.zeros((2, 16, 64), dtype=bool)
    masks[0, 3, 5] = masks[1, 3, 5] = masks[1, 15, 63] = masks[0, 0, 0] = True
    bits = pack(masks)
    np.testing.assert_array_equal(intersections(bits, bits), [[2, 1], [1, 2]])
