import math

import numpy as np
import pytest

from worlds.motion.clutter import GROUND, background, flicker, paint_slow_shapes
from worlds.motion.drawing import Shape, paint
from worlds.motion.perturbations import Perturbation, blurred, coarse


def drawn(shape, place, *, size=64, wrap=False):
    canvas = np.zeros((1, size, size), np.float32)
    paint(canvas, shape, np.array([place], np.float64), wrap=wrap)
    return canvas[0]


def centre_of(picture):
    size = len(picture)
    at = np.arange(size) + 0.5
    x = (picture.sum(axis=0) * at).sum() / picture.sum()
    y = (picture.sum(axis=1) * (size - at)).sum() / picture.sum()
    return x, y


@pytest.mark.parametrize("place", [(20.0, 40.0), (31.3, 29.8), (12.5, 50.25)])
def test_a_disc_has_the_area_and_place_of_the_true_one(place):
    picture = drawn(Shape(8.4, 200.0), place) / 200
    assert picture.sum() == pytest.approx(math.pi * 8.4**2, rel=0.005)
    np.testing.assert_allclose(centre_of(picture), place, atol=0.01)
    assert picture.max() == pytest.approx(1)
    assert ((picture > 0) & (picture < 1)).sum() > 20  # smooth edges


@pytest.mark.parametrize("sides", [3, 4, 6])
def test_a_polygon_has_the_area_of_the_true_one(sides):
    picture = drawn(Shape(12.0, 1.0, sides=sides, angle=0.3), (32.2, 30.9))
    area = sides / 2 * 12.0**2 * math.sin(2 * math.pi / sides)
    assert picture.sum() == pytest.approx(area, rel=0.02)


def test_up_is_up():
    picture = drawn(Shape(4.0, 255.0), (50.0, 60.0))
    rows, columns = np.nonzero(picture)
    assert rows.max() < 10
    assert columns.min() > 44


def test_a_torus_goes_on_at_the_other_side():
    shape = Shape(7.0, 100.0)
    inside = drawn(shape, (30.3, 20.6), wrap=True)
    np.testing.assert_array_equal(inside, drawn(shape, (30.3, 20.6)))
    moved = drawn(shape, (30.3 + 32, 20.6 + 45), wrap=True)
    np.testing.assert_allclose(moved, np.roll(inside, (-45, 32), axis=(0, 1)), atol=1e-3)
    cut = drawn(shape, (63.0, 20.0))
    assert cut.sum() < 0.7 * inside.sum()


def test_the_background_fills_its_range_smoothly_and_differs_by_draw():
    one, two = (background(np.random.default_rng(seed), 128) for seed in (0, 1))
    assert (one.min(), one.max()) == pytest.approx(GROUND)
    assert np.abs(np.diff(one, axis=0)).max() < 15
    assert np.abs(one - two).mean() > 5


def test_slow_shapes_move_less_than_a_pixel_and_a_half():
    canvas = np.zeros((16, 256, 256), np.float32)
    paint_slow_shapes(np.random.default_rng(4), canvas)
    assert (canvas > 0).any(axis=(1, 2)).all()
    changed = np.abs(np.diff(canvas, axis=0)).mean(axis=(1, 2))
    # An edge that moves 1.5 pixels changes so much: 5 shapes, twice 28 pixels wide, value 200.
    assert 0 < changed.max() < 5 * 2 * 28 * 1.5 * 200 / 256**2


def test_flicker_is_one_gain_and_offset_per_frame_and_noise_of_two_levels():
    ramp = np.tile(np.linspace(0, 200, 128, dtype=np.float32), (6, 128, 1))
    seen = flicker(np.random.default_rng(0), ramp)
    gains = []
    for frame in seen:
        gain, offset = np.polyfit(ramp[0].ravel(), frame.ravel(), 1)
        rest = frame - gain * ramp[0] - offset
        assert rest.std() == pytest.approx(2, rel=0.05)
        assert 0.84 < gain < 1.16
        assert abs(offset) < 8.2
        gains.append(gain)
    assert np.std(gains) > 0.02


def test_blur_spreads_a_point_as_a_gaussian_and_keeps_flat_parts():
    frames = np.full((1, 41, 41), 7, np.float32)
    np.testing.assert_allclose(blurred(frames, 2.0), 7, rtol=1e-5)
    frames[:] = 0
    frames[0, 20, 20] = 1
    seen = blurred(frames, 2.0)[0]
    at = np.arange(-20, 21)
    assert seen.sum() == pytest.approx(1, abs=1e-5)
    assert (seen.sum(axis=0) * at**2).sum() == pytest.approx(4, rel=0.05)
    assert seen[20, 20] == pytest.approx(1 / (2 * math.pi * 4), rel=0.02)


def test_coarse_frames_are_means_of_blocks():
    frames = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    np.testing.assert_array_equal(coarse(frames, 2)[0, ::2, ::2], [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(coarse(frames, 4), np.full((1, 4, 4), 7.5))


def test_perturbations_refuse_what_shows_nothing():
    with pytest.raises(ValueError, match="positive"):
        Perturbation(speed=0.0)
    with pytest.raises(ValueError, match="at least 0"):
        Perturbation(blur=-1.0)
    with pytest.raises(ValueError, match="divisor of the size"):
        Perturbation(resolution=3).on_frames(np.zeros((2, 64, 64), np.float32))
