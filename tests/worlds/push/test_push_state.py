import numpy as np
import pytest

from worlds.push import check_state, random_state
from worlds.push.state import contact_point, corners, far_apart, gap
from worlds.push.table import BAR, PUSHER_RADIUS, REACH, STEM, table_scene

GOOD = np.array([0.2, 0.2, 0.6, 0.6, 1.0])


def body_points(step=0.001):
    """Points of the block in its own frame, all over it: bar above stem, no centre of mass."""
    bar = np.mgrid[-BAR[0] / 2 : BAR[0] / 2 : step, 0 : BAR[1] : step].reshape(2, -1).T
    stem = np.mgrid[-STEM[0] / 2 : STEM[0] / 2 : step, -STEM[1] : 0 : step].reshape(2, -1).T
    points = np.concatenate([bar, stem]) + step / 2
    return points - points.mean(axis=0)


def placed(points, block):
    cos, sin = np.cos(block[2]), np.sin(block[2])
    return points @ np.array([[cos, sin], [-sin, cos]]) + block[:2]


def test_the_origin_is_the_centre_of_mass():
    lowest = body_points().min(axis=0)
    np.testing.assert_allclose(corners([0.0, 0.0, 0.0]).min(axis=0), lowest, atol=1.5e-3)


def test_distances_agree_with_a_search_over_all_points():
    rng = np.random.default_rng(0)
    points = body_points(0.004)
    for _ in range(40):
        block = rng.uniform((0.3, 0.3, -9), (0.7, 0.7, 9))
        pusher = rng.uniform(0.04, 0.96, 2)
        slow = np.linalg.norm(placed(points, block) - pusher, axis=1)
        distance, near_x, near_y = contact_point((*pusher, *block))
        assert distance == pytest.approx(slow.min(), abs=4e-3)
        assert gap(pusher, block) == pytest.approx(distance - PUSHER_RADIUS, abs=1e-12)
        assert np.hypot(near_x - pusher[0], near_y - pusher[1]) == pytest.approx(distance)
        for travel in (0.0, 0.1):
            if far_apart((*pusher, *block), travel):
                assert gap(pusher, block) > travel


def test_many_points_at_once():
    points = np.random.default_rng(0).uniform(0, 1, (3, 4, 2))
    block = np.array([0.5, 0.5, 1.0])
    singly = [[gap(point, block) for point in row] for row in points]
    np.testing.assert_array_equal(gap(points, block), singly)
    assert gap(block[:2], block) == -PUSHER_RADIUS
    blocks = np.random.default_rng(1).uniform(0, 1, (6, 3))
    np.testing.assert_array_equal(corners(blocks), [corners(block) for block in blocks])
    assert np.linalg.norm(corners(block) - 0.5, axis=1).max() == pytest.approx(REACH)


def test_random_states_are_states_all_over_the_table():
    rng = np.random.default_rng(0)
    states = np.array([check_state(random_state(rng)) for _ in range(300)])
    np.testing.assert_array_equal(states, states.astype(np.float32))
    assert states[:, :2].min() < 0.08
    assert states[:, :2].max() > 0.92
    assert states[:, 4].min() < -2.8
    assert states[:, 4].max() > 2.8
    assert np.abs(corners(states[:, 2:]) - 0.5).max() <= 0.48 + 1e-6
    assert min(gap(state[:2], state[2:]) for state in states) >= 0.02 - 1e-6


def test_a_checked_state_is_a_copy():
    checked = check_state(GOOD)
    checked[0] = 9.0
    assert GOOD[0] == 0.2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({0: 0.03}, r"centre must be in \[0.04, 0.96\] m, came \[0.03, 0.2\]"),
        ({1: 0.97}, "centre must be in"),
        ({2: 0.02}, "block must be on the table"),
        ({3: 2.0}, "m beyond its edge"),
        ({0: 0.6, 1: 0.6}, r"overlap by 0.04\d* m"),
        ({4: np.nan}, "five finite numbers"),
    ],
)
def test_states_that_cannot_be_are_refused(change, words):
    state = GOOD.copy()
    for index, value in change.items():
        state[index] = value
    with pytest.raises(ValueError, match=words):
        check_state(state)
    with pytest.raises(ValueError, match=r"five finite numbers .*shape \(4,\)"):
        check_state(GOOD[:4])


def test_the_scene_names_its_bodies():
    scene = table_scene()
    assert [body.kind for body in scene.bodies] == ["wall"] * 4 + ["pusher", "block"]
    assert scene.identities == (1, 2)
