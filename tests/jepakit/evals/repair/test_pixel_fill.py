"""Hidden tokens become black, the mean of the rest, noise or blur; nothing else changes."""

from typing import get_args

import numpy as np
import pytest

from jepakit.evals.repair.images.pixel_fill import Fill, hidden_pixels, occluded

FRAMES = np.random.default_rng(0).integers(1, 256, (4, 24, 32, 3), dtype=np.uint8)
HIDDEN = np.random.default_rng(1).random((2, 6, 8)) < 0.4


def filled(fill: Fill, hidden: np.ndarray = HIDDEN, frames: np.ndarray = FRAMES) -> np.ndarray:
    return occluded(frames, hidden, fill=fill, rng=np.random.default_rng(2))


def test_hidden_pixels_are_whole_patches_of_whole_tubelets():
    pixels = hidden_pixels(HIDDEN, (4, 24, 32))
    for t, row, column in np.ndindex(4, 24, 32):
        assert pixels[t, row, column] == HIDDEN[t // 2, row // 4, column // 4]


@pytest.mark.parametrize("fill", get_args(Fill))
def test_visible_pixels_keep_their_bytes(fill):
    pixels, before = hidden_pixels(HIDDEN, (4, 24, 32)), FRAMES.copy()
    out = filled(fill)
    assert (out[~pixels] == FRAMES[~pixels]).all()
    assert (out[pixels] != FRAMES[pixels]).mean() > 0.9
    assert (before == FRAMES).all()
    assert (filled(fill, np.zeros_like(HIDDEN)) == FRAMES).all()


def test_black_and_mean():
    pixels = hidden_pixels(HIDDEN, (4, 24, 32))
    assert not filled("black")[pixels].any()
    for channel in range(3):
        mean = FRAMES[..., channel][~pixels].astype(np.float64).mean()
        assert (filled("mean")[pixels][:, channel] == round(mean)).all()


def test_the_mean_knows_nothing_of_what_is_hidden():
    pixels = hidden_pixels(HIDDEN, (4, 24, 32))
    other = np.where(pixels[..., None], 255, FRAMES).astype(np.uint8)
    for fill in ("black", "mean", "noise"):
        assert (filled(fill) == filled(fill, frames=other)).all()


def test_noise_is_uniform_and_of_the_generator():
    hidden, frames = np.ones((1, 4, 4), bool), np.zeros((1, 128, 128, 3), np.uint8)
    noise = filled("noise", hidden, frames)
    counts = np.bincount(noise.ravel(), minlength=256)
    assert abs(noise.mean() - 127.5) < 1.5
    assert counts.min() > 120  # 192 expected, standard deviation 13.8
    assert counts.max() < 270
    assert (noise == filled("noise", hidden, frames)).all()


def test_blur_keeps_colour_at_large_and_takes_detail():
    row = np.linspace(0, 255, 128)
    checks = 255 * (np.indices((128, 128)).sum(axis=0) // 2 % 2)
    smooth = np.broadcast_to(row[None, :, None], (128, 128, 3)).astype(np.uint8)[None]
    hidden = np.zeros((1, 8, 8), bool)
    hidden[0, 2:6, 2:6] = True
    inside = (slice(None), slice(32, 96), slice(32, 96))
    assert np.abs(filled("blur", hidden, smooth)[inside].astype(int) - smooth[inside]).max() <= 2
    busy = np.broadcast_to(checks[..., None], (128, 128, 3)).astype(np.uint8)[None]
    assert filled("blur", hidden, busy)[inside].std() < 2


def test_refuses_unknown_fills_grids_and_everything_hidden():
    with pytest.raises(ValueError, match="one of black, mean, noise, blur, and noise needs rng"):
        occluded(FRAMES, HIDDEN, fill="noise")
    with pytest.raises(ValueError, match="got 'grey'"):
        occluded.__wrapped__(FRAMES, HIDDEN, fill="grey")  # past the type checks of tests
    with pytest.raises(ValueError, match="no mean of the visible pixels"):
        filled("mean", np.ones_like(HIDDEN))
    with pytest.raises(ValueError, match=r"grid of \(2, 6, 8\) does not divide .*\(4, 25, 32\)"):
        hidden_pixels(HIDDEN, (4, 25, 32))
