"""Latent frames have the geometry of the clip, and videos stand side by side."""

import numpy as np
import pytest

from explorer.clip import Clip
from explorer.latents import Latents
from explorer.pictures import latent_frames, side_by_side
from explorer.pictures.frames import HEAD
from jepakit.evals.figures.animation import GAP


def clip_of(frames, height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), np.uint8)
    return Clip(pixels, 8.0, "noise", tuple(range(frames)))


def colours(*grid, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (*grid, 3), np.uint8)


@pytest.mark.parametrize(("frames", "size"), [(8, (24, 40)), (9, (27, 41))])
def test_every_pixel_has_the_colour_of_the_token_it_belongs_to(frames, size):
    clip, tubelet, patch = clip_of(frames, *size), 2, 8
    grid = (frames // tubelet, size[0] // patch, size[1] // patch)
    latents = Latents(np.zeros((*grid, 1)), clip, tubelet, patch)
    rgb = colours(*grid)
    shown = latent_frames(rgb, clip, tubelet, patch=patch)
    assert shown.shape == clip.frames.shape
    for frame in range(frames):
        for y in range(size[0]):
            for x in range(size[1]):
                token = latents.token_at(float(x), float(y), frame)
                assert (shown[frame, y, x] == rgb[token]).all()


def test_averages_stand_for_all():
    clip = clip_of(6, 16, 24)
    still = latent_frames(colours(1, 2, 3), clip, 2)
    assert (still == still[:1]).all()
    flat = latent_frames(colours(3, 1, 1), clip, 2)
    assert (flat == flat[:, :1, :1]).all()
    np.testing.assert_array_equal(flat[::2, 0, 0], colours(3, 1, 1)[:, 0, 0])


def test_tokens_that_are_not_of_the_clip_are_refused():
    clip = clip_of(4, 20, 20)
    with pytest.raises(ValueError, match="3 x 2 tokens do not divide 20 x 20 pixels"):
        latent_frames(colours(2, 3, 2), clip, 2)
    with pytest.raises(ValueError, match="4 tokens of 2 do not fit in 4"):
        latent_frames(colours(4, 2, 2), clip, 2)


def test_videos_stand_in_order_with_a_white_gap():
    left, right = clip_of(3, 8, 12).frames, clip_of(3, 8, 6, seed=2).frames
    joined = side_by_side(left, right, least=16)
    assert joined.shape == (3, 24, 36 + GAP + 18, 3)
    for offset in range(3):
        np.testing.assert_array_equal(joined[:, offset::3, offset:36:3], left)
        np.testing.assert_array_equal(joined[:, offset::3, 36 + GAP + offset :: 3], right)
    assert (joined[:, :, 36 : 36 + GAP] == 255).all()
    np.testing.assert_array_equal(side_by_side(left, least=0), left)


def test_a_lower_video_is_stretched():
    low, high = clip_of(2, 4, 6).frames, clip_of(2, 12, 12, seed=2).frames
    joined = side_by_side(low, high, least=0)
    assert joined.shape == (2, 12, 18 + GAP + 12, 3)
    np.testing.assert_array_equal(joined[:, 1::3, 1:18:3], low)


def test_titles_stand_above_and_long_ones_are_cut():
    left, right = clip_of(2, 8, 8).frames, clip_of(2, 8, 8, seed=2).frames
    plain = side_by_side(left, right, least=160)
    titled = side_by_side(left, right, least=160, titles=["clip", "a title far too long" * 9])
    assert titled.shape[1] == plain.shape[1] + HEAD
    np.testing.assert_array_equal(titled[:, HEAD:], plain)
    head = titled[0, :HEAD]
    assert (head[:, 4:30] < 128).any()
    assert (head[:, 160 : 160 + GAP] == 255).all()
    assert (head[:, 160 + GAP :] < 128).any()
    assert (head[:, -2:] == 255).all()


def test_videos_that_do_not_go_together_are_refused():
    one, other = clip_of(2, 8, 8).frames, clip_of(3, 8, 8).frames
    for videos in ((), (one, other), (one[:0], one[:0])):
        with pytest.raises(ValueError, match="need one number of frames"):
            side_by_side(*videos)
    with pytest.raises(ValueError, match="2 videos need as many titles, came 1"):
        side_by_side(one, one, titles=["clip"])
