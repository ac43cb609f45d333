import numpy as np
import pytest

from explorer.clip import Clip, SceneTruth
from explorer.clips import crop_and_resize
from explorer.clips.resizing import resize_frames, resize_labels


def picture(height=40, width=60):
    """Red grows to the right, green downwards."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns * 4, rows * 4, 0 * rows], -1).astype(np.uint8)


def resized(crop, size=20, source=None):
    return resize_frames([picture() if source is None else source], size=size, crop=crop)[0]


def test_a_whole_number_of_pixels_is_averaged_as_triangles_do():
    """Shrunk by two, bilinear and antialiased has weights 1 3 3 1 over 8 in each direction."""
    source = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    weights = np.array([1, 3, 3, 1]) / 8
    part = source[5:9, 7:11].astype(float)  # around the new pixel at row 3, column 4
    expected = np.einsum("i,j,ijc->c", weights, weights, part)
    found = resized("whole", size=8, source=source)[3, 4]
    np.testing.assert_allclose(found, expected, atol=1)


def test_fine_stripes_become_grey_and_do_not_alias():
    stripes = np.zeros((60, 60, 3), np.uint8)
    stripes[:, ::2] = 255
    found = resized("whole", size=16, source=stripes).astype(int)
    assert abs(found[:, 2:-2] - 128).max() < 20


def test_the_centre_keeps_shapes_and_the_whole_does_not():
    centre, whole = resized("centre").astype(int), resized("whole").astype(int)
    assert abs(centre[10, 0, 0] - 4 * 10.5) <= 2  # columns 10 to 49 of 60
    assert abs(centre[10, 19, 0] - 4 * 48.5) <= 2
    assert abs(whole[10, 0, 0] - 4 * 1) <= 2
    assert abs(whole[10, 19, 0] - 4 * 58) <= 2
    assert abs(whole[19, 10, 1] - 4 * 38.5) <= 2


def test_bars_fill_what_the_picture_does_not_cover():
    found = resized("letterbox", size=30)  # 20 rows of 30 and 5 of bars on both sides
    assert (found[:5] == 128).all()
    assert (found[-5:] == 128).all()
    np.testing.assert_array_equal(found[5:25], resized("whole", size=(20, 30)))


def test_a_square_is_cut_where_it_was_drawn():
    np.testing.assert_array_equal(
        resized((5, 30, 20)), picture()[5:25, 30:50]
    )  # not resized at all
    with pytest.raises(ValueError, match="reaches out of a frame of 40 x 60 pixels"):
        resized((21, 0, 20))


@pytest.mark.parametrize("size", [0, 1025, (8, 2000)])
def test_a_size_is_bounded(size):
    with pytest.raises(ValueError, match="A side is from 1 to 1024 pixels"):
        resized("centre", size=size)


@pytest.mark.parametrize("crop", ["centre", "whole", "letterbox", (4, 2, 30)])
def test_labels_follow_the_pictures_and_stay_labels(crop):
    labels = np.zeros((1, 40, 60), np.uint8)
    labels[0, 10:30, 20:44] = 7
    shown = resize_labels(labels, size=24, crop=crop)
    assert set(np.unique(shown)) == {0, 7}
    pictured = resize_frames(labels[..., None].repeat(3, -1) * 30, size=24, crop=crop)[..., 0]
    middle = (pictured > 105) & (pictured != 128)
    assert ((shown == 7) != middle).sum() <= 40  # of 576, along the outline


def test_the_label_in_the_middle_of_a_new_pixel_counts():
    labels = np.arange(81, dtype=np.uint8).reshape(1, 9, 9)
    expected = labels[0][np.ix_([1, 4, 7], [1, 4, 7])]
    np.testing.assert_array_equal(resize_labels(labels, size=3, crop="whole")[0], expected)


def test_a_clip_keeps_what_is_known_of_it():
    labels = np.zeros((2, 40, 60), np.uint8)
    labels[:, 8:16, 20:28] = 1
    frames = np.stack([picture()] * 2)
    truth = SceneTruth(labels, np.full((1, 2, 2), np.nan), ("box",), {1: frames})
    clip = crop_and_resize(Clip(frames, 10.0, "a", (0, 1), truth), size=20)
    assert clip.size == (20, 20)
    assert clip.truth.without[1].shape == (2, 20, 20, 3)
    np.testing.assert_array_equal(clip.truth.without[1], clip.frames)
    # Shrunk by two, columns 10 to 49 of the source.
    np.testing.assert_allclose(clip.truth.centres[0, 0], ((11.5 - 0.5) / 2, (13.5 - 0.5) / 2))
