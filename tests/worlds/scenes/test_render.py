import numpy as np
import pytest

from worlds.scene import Body, Scene
from worlds.scenes.look import HUES, Backdrop, Look, Paint, dress
from worlds.scenes.pattern import PATTERNS, noise_table
from worlds.scenes.render import body_maps, depth, paint_frames
from worlds.scenes.shapes import ball, block, cross

SIZE = 96


def paint(pattern: str) -> Paint:
    return Paint("red", pattern, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), period=1.1, angle=0.4, seed=3)


def show(body: Body, poses, pattern: str = "stripes"):
    scene = Scene((body,), width=8.0, height=8.0)
    look = Look({1: paint(pattern)}, Backdrop((0.5,) * 3, (0.5,) * 3, 0.0, 0.0, 0.0, 0))
    states = np.zeros((len(poses), 1, 6))
    states[:, 0, :3] = poses
    maps = body_maps(scene, states, size=SIZE)
    return paint_frames(scene, look, states, maps), maps


@pytest.mark.parametrize("pattern", PATTERNS)
def test_paint_turns_with_the_body(pattern):
    body = Body(ball(3.0), (4.0, 4.0), identity=1)
    frames, _ = show(body, [(4.0, 4.0, angle) for angle in (0.0, np.pi / 2, 0.6)], pattern)
    different = (np.rot90(frames[0]) != frames[1]).any(axis=2)
    assert different.mean() < 0.02
    if pattern != "plain":
        assert (frames[0] != frames[2]).any(axis=2).mean() > 0.05


def test_paint_moves_with_the_body():
    body = Body(block(3.0, 2.0), (3.0, 4.0), identity=1)
    frames, maps = show(body, [(3.0, 4.0, 0.0), (4.0, 3.5, 0.0)], "mosaic")
    # One metre is 12 pixels: to the right, and half as many down.
    np.testing.assert_array_equal(np.roll(maps[0], (6, 12), axis=(0, 1)), maps[1])
    moved = np.roll(frames[0], (6, 12), axis=(0, 1))
    assert (moved != frames[1]).any(axis=2).mean() < 0.01


def test_a_body_that_never_moves_looks_as_if_painted_in_every_frame():
    body = Body(cross(2.0, 1.0), (4.0, 4.0), identity=1)
    pose = (4.0, 4.0, 0.3)
    still, _ = show(body, [pose] * 3)
    alone, _ = show(body, [pose, (2.0, 2.0, 0.0)])
    for frame in still:
        np.testing.assert_array_equal(frame, alone[0])


def test_depth_is_the_distance_from_the_outline():
    u, v = np.array([0.0, 0.9, 0.0], np.float32), np.array([0.0, 0.0, 0.7], np.float32)
    np.testing.assert_allclose(depth(Body(ball(1.0), (0, 0)), u, v), [1.0, 0.1, 0.3], rtol=1e-5)
    box = Body(block(2.0, 1.6), (0, 0))
    np.testing.assert_allclose(depth(box, u, v), [0.8, 0.1, 0.1], rtol=1e-5)


def test_outlines_are_dark():
    body = Body(block(4.0, 4.0), (4.0, 4.0), identity=1)
    frames, maps = show(body, [(4.0, 4.0, 0.0)], "plain")
    rows = np.nonzero(maps[0])[0]
    assert tuple(frames[0, rows.min(), 48]) == (153, 0, 0)
    assert tuple(frames[0, 48, 48]) == (255, 0, 0)
    assert tuple(frames[0, 0, 0]) == (128, 128, 128)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_stay_between_the_two_colours(pattern):
    u, v = np.meshgrid(np.linspace(-9, 9, 80), np.linspace(-9, 9, 80))
    share = PATTERNS[pattern](u.astype(np.float32), v.astype(np.float32), noise_table(1))
    assert share.shape == u.shape
    assert share.dtype == np.float32
    assert share.min() >= 0.0
    assert share.max() <= 1.0


def test_dressing_changes_colours_only():
    bodies = (Body(block(8, 1), (4, 0), dynamic=False), Body(ball(1.0), (4.0, 4.0), identity=1))
    scene = Scene(bodies, width=8.0, height=8.0)
    dressed, look = dress(scene, np.random.default_rng(0))
    assert [body.colour for body in dressed.bodies] == ["gray", look.paints[1].name]
    assert look.paints[1].name in HUES
    assert dressed.bodies[1].shapes == bodies[1].shapes
    assert dress(scene, np.random.default_rng(0)) == (dressed, look)
