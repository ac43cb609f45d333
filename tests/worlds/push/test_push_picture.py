import numpy as np
import pytest

from worlds.push import draw, random_state
from worlds.push.picture import COLOURS, GOAL_COLOUR, with_goal
from worlds.push.state import gap
from worlds.push.table import PUSHER_RADIUS


@pytest.fixture(scope="module")
def states():
    rng = np.random.default_rng(0)
    return np.stack([random_state(rng) for _ in range(20)])


def truth(states, size):
    """What is at the centre of each pixel, and how far it is from an edge in metres."""
    axis = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(axis, axis[::-1])
    points = np.stack([x, y], axis=-1)
    block = np.stack([gap(points, state[2:]) + PUSHER_RADIUS for state in states])
    away = points - states[:, None, None, :2]
    pusher = np.linalg.norm(away, axis=-1) - PUSHER_RADIUS
    return np.where(block <= 0, 2, np.where(pusher <= 0, 1, 0)), block, pusher


@pytest.mark.parametrize("size", [64, 50])
def test_labels_are_what_is_at_pixel_centres(states, size):
    _, labels = draw(states, size=size)
    expected, _, _ = truth(states, size)
    assert (labels != expected).mean() < 5e-5  # centres on an edge, to rounding


def test_frames_agree_with_labels(states):
    frames, labels = draw(states)
    assert frames.shape == (20, 64, 64, 3)
    # Closest to the mean colours everywhere but on edges.
    off = np.linalg.norm(frames[..., None, :] - COLOURS, axis=-1)
    assert (off.argmin(axis=-1) == labels).mean() > 0.995
    _, block, pusher = truth(states, 64)
    flat = np.minimum(pusher, block) > 1.0 / 64  # a pixel away from both
    assert flat.mean() > 0.8
    np.testing.assert_array_equal(frames[flat], np.broadcast_to(COLOURS[0], frames[flat].shape))
    inside = pusher < -1.0 / 64
    np.testing.assert_array_equal(frames[inside], np.broadcast_to(COLOURS[1], frames[inside].shape))


def test_a_pixel_is_the_mean_of_nine(states):
    frames, _ = draw(states[:3], size=32)
    _, fine = draw(states[:3], size=96)
    mean = COLOURS[fine].reshape(3, 32, 3, 32, 3, 3).mean(axis=(2, 4))
    assert (np.abs(frames - mean) > 0.51).mean() < 1e-3  # centres on an edge, to rounding


def test_both_are_well_visible(states):
    _, labels = draw(states)
    seen = np.stack([(labels == identity).sum(axis=(1, 2)) for identity in (1, 2)])
    area = np.array([np.pi * PUSHER_RADIUS**2, 0.31 * 0.078 + 0.078 * 0.235]) * 64**2
    np.testing.assert_allclose(seen, np.tile(area[:, None], 20), rtol=0.2)


def test_clips_and_single_frames_are_drawn_alike(states):
    frames, labels = draw(states)
    for index in (0, 7):
        frame, label = draw(states[index : index + 1])
        np.testing.assert_array_equal(frame[0], frames[index])
        np.testing.assert_array_equal(label[0], labels[index])


def test_motion_below_a_pixel_is_seen(states):
    moved = states[:1] + np.array([0.004, 0, 0, 0, 0])
    assert (draw(states[:1])[0] != draw(moved)[0]).any()


def test_the_goal_is_an_outline(states):
    frames, _ = draw(states[:1], size=256)
    _, goal = draw(states[1:2], size=256)
    shown = with_goal(frames[0], states[1])
    changed = (shown != frames[0]).any(axis=-1)
    assert goal[0][changed].mean() > 1.6  # within the block's pose in the goal
    assert 0.2 < changed.sum() / (goal == 2).sum() < 0.6
    assert (shown == GOAL_COLOUR).all(axis=-1).sum() > 0.3 * changed.sum()


@pytest.mark.parametrize(("shape", "size"), [((5,), 64), ((2, 6), 64), ((2, 5), 4)])
def test_wrong_shapes_are_refused(shape, size):
    with pytest.raises(ValueError, match=r"Expected states \(t, 5\)"):
        draw(np.zeros(shape), size=size)
