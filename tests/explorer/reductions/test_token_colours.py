"""Colours of components: one range for a whole clip, which others can share."""

import numpy as np
import pytest

from explorer.reductions import colour_range, slice_colours, to_rgb


def points(seed=0, count=400, components=4):
    return np.random.default_rng(seed).normal(size=(count, components))


def test_the_least_is_black_and_the_largest_is_full():
    values = points()
    rgb = to_rgb(values, robust=False)
    for channel in range(3):
        assert rgb[values[:, channel].argmin(), channel] == 0
        assert rgb[values[:, channel].argmax(), channel] == 255
    shown = values[:, :3]
    slow = (shown - shown.min(axis=0)) / (shown.max(axis=0) - shown.min(axis=0)) * 255
    np.testing.assert_array_equal(rgb, slow.round().astype(np.uint8))


def test_a_value_has_one_colour_in_every_slice():
    values = points()
    values[300:340] = values[20:60]  # the same tokens again, in a slice of other contrast
    values[340:] *= 3
    rgb = to_rgb(values)
    np.testing.assert_array_equal(rgb[300:340], rgb[20:60])
    # And the order of slices is of no consequence.
    np.testing.assert_array_equal(to_rgb(values[::-1])[::-1], rgb)


def test_one_token_that_sticks_out_does_not_wash_out_the_others():
    values = points()
    stuck = values.copy()
    stuck[7] = 1000
    change = np.abs(to_rgb(stuck).astype(int) - to_rgb(values))
    assert np.delete(change, 7, axis=0).max() <= 12
    assert to_rgb(stuck)[7].tolist() == [255] * 3
    assert np.delete(to_rgb(stuck, robust=False), 7, axis=0).max() < 3


def test_another_clip_on_the_range_of_the_first():
    values, other = points(0), points(1)[:50]
    shared = colour_range(values[:, :3])
    joined = to_rgb(np.concatenate([values, other]), within=shared)
    np.testing.assert_array_equal(to_rgb(other, within=shared), joined[400:])
    np.testing.assert_array_equal(to_rgb(values), joined[:400])


def test_channels_are_chosen_and_a_flat_one_is_grey():
    values = points()
    swapped = to_rgb(values, channels=(2, 0, 3))
    np.testing.assert_array_equal(swapped, to_rgb(values[:, [2, 0, 3]]))
    values[:, 1] = 5.0
    assert (to_rgb(values)[:, 1] == 128).all()


def test_every_slice_has_a_colour_of_its_own():
    colours = slice_colours((5, 2, 3)).reshape(5, 6, 3)
    assert (colours == colours[:, :1]).all()
    assert len(np.unique(colours[:, 0], axis=0)) == 5


def test_colours_of_nothing_are_refused():
    with pytest.raises(ValueError, match="came 2"):
        to_rgb(points(components=2))
    with pytest.raises(ValueError, match=r"\(0, 1, -1\)"):
        to_rgb(points(), channels=(0, 1, -1))
    with pytest.raises(ValueError, match="need points"):
        colour_range(points()[:0])
