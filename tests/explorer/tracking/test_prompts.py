import numpy as np
import pytest

from explorer.tracking import clicked_labels, mask_labels
from tests.explorer.tracking.planted import latents_of, noise


def two_objects() -> tuple[np.ndarray, np.ndarray]:
    """Tokens of 6 x 7 with two rectangles of one feature each, and their labels."""
    truth = np.zeros((6, 7), np.int64)
    truth[0:3, 0:2], truth[4:6, 3:7] = 1, 2
    features = noise((3, 32))
    values = features[truth] + 0.02 * noise((6, 7, 32), 1)
    return np.stack([values, noise((6, 7, 32), 2)]), truth


def test_clicked_tokens_alone_are_labelled() -> None:
    values, _ = two_objects()
    labels = clicked_labels(latents_of(values), {1: [(0, 0, 0), (0, 1, 1)], 4: [(0, 5, 5)]})
    assert labels.sum() == 1 + 1 + 4
    assert (labels[0, 0], labels[1, 1], labels[5, 5]) == (1, 1, 4)


def test_grown_objects_are_the_whole_ones() -> None:
    values, truth = two_objects()
    clicks = {1: [(0, 1, 1)], 2: [(0, 5, 4)]}
    found = clicked_labels(latents_of(values), clicks, [(0, 3, 3)], grow=0.5)
    np.testing.assert_array_equal(found, truth)


def test_growth_stays_connected_and_gives_way_to_background() -> None:
    values, truth = two_objects()
    values[0, 5, 0] = values[0, 1, 1]  # alike, but apart from the click
    values[0, 3, 0] = values[0, 1, 1]  # joins, unless it is clicked as background
    grown = clicked_labels(latents_of(values), {1: [(0, 1, 1)]}, grow=0.5)
    assert (grown[3, 0], grown[5, 0]) == (1, 0)
    held = clicked_labels(latents_of(values), {1: [(0, 0, 0)]}, [(0, 3, 0)], grow=0.5)
    assert held[3, 0] == 0
    assert held[0, 0] == 1
    np.testing.assert_array_equal(grown[:3] == 1, truth[:3] == 1)


def test_objects_that_touch_part_where_the_other_one_is_resembled_more() -> None:
    first, second, other = noise((3, 32))
    second = first + 0.5 * second  # cosine 0.9: each would join the other
    row = np.stack([first, first, second, second, other, -other, other, -other])
    labels = clicked_labels(latents_of(row[None, None]), {1: [(0, 0, 0)], 2: [(0, 0, 3)]}, grow=0.5)
    assert labels.tolist() == [[1, 1, 2, 2, 0, 0, 0, 0]]


def test_clicks_elsewhere_are_refused() -> None:
    latents = latents_of(two_objects()[0])
    for objects in ({}, {1: []}, {0: [(0, 1, 1)]}, {1: [(1, 1, 1)]}):
        with pytest.raises(ValueError, match="clicks in slice 0"):
            clicked_labels(latents, objects)
    with pytest.raises(ValueError, match="clicks in slice 0"):
        clicked_labels(latents, {1: [(0, 1, 1)]}, [(1, 0, 0)])
    with pytest.raises(ValueError, match="must lie in"):
        clicked_labels(latents, {1: [(0, 6, 0)]})


def test_a_mask_becomes_the_label_of_most_pixels() -> None:
    mask = np.zeros((6, 9), np.uint8)
    mask[0:3, 0:2] = 7  # six of nine pixels
    mask[3:6, 3:4] = 9  # three of nine: the most that it has anywhere
    expected = [[7, 0, 0], [0, 9, 0]]
    assert mask_labels(mask, 3).tolist() == expected
    assert mask_labels(np.stack([mask, mask]), 3).tolist() == expected
    moved = np.stack([mask, np.zeros_like(mask), np.zeros_like(mask)])
    moved[1:, 0:3, 6:9] = 7  # there for two of three frames
    assert mask_labels(moved, 3).tolist() == [[0, 0, 7], [0, 9, 0]]
    with pytest.raises(ValueError, match="do not divide"):
        mask_labels(mask, 4)
