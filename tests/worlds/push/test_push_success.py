import numpy as np
import pytest

from worlds.push import ANGLE_TOLERANCE, POSITION_TOLERANCE, distances, reached

GOAL = np.array([0.1, 0.1, 0.5, 0.5, 3.0])


def off(distance=0.0, turn=0.0, direction=0.7):
    x, y = distance * np.cos(direction), distance * np.sin(direction)
    return GOAL + np.array([0.0, 0.0, x, y, turn])


def test_the_tolerances_are_those_of_push_t():
    assert pytest.approx(0.0390625) == POSITION_TOLERANCE
    assert pytest.approx(np.radians(20)) == ANGLE_TOLERANCE


@pytest.mark.parametrize("direction", [0.0, 2.0, 4.5])
def test_position_at_the_edge(direction):
    assert reached(off(POSITION_TOLERANCE - 1e-9, 0.0, direction), GOAL)
    assert not reached(off(POSITION_TOLERANCE + 1e-9, 0.0, direction), GOAL)


@pytest.mark.parametrize("turns", [-2, 0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_angle_at_the_edge_whatever_full_turns(turns, sign):
    full = 2 * np.pi * turns
    assert reached(off(0.0, full + sign * (ANGLE_TOLERANCE - 1e-9)), GOAL)
    assert not reached(off(0.0, full + sign * (ANGLE_TOLERANCE + 1e-9)), GOAL)
    assert distances(off(0.0, full + sign * 3.0), GOAL)[1] == pytest.approx(3.0)


def test_both_are_needed_and_the_pusher_does_not_count():
    assert reached(off(0.9 * POSITION_TOLERANCE, 0.9 * ANGLE_TOLERANCE), GOAL)
    assert not reached(off(0.1, 0.0), GOAL)
    assert not reached(off(0.0, 1.0), GOAL)
    assert reached(GOAL + np.array([0.8, 0.8, 0.0, 0.0, 0.0]), GOAL)


def test_many_states_at_once():
    states = np.stack([[GOAL, off(0.02)], [off(0.1), off(0.0, 0.4)]])
    np.testing.assert_array_equal(reached(states, GOAL), [[True, True], [False, False]])
    distance, turn = distances(states, GOAL)
    np.testing.assert_allclose(distance, [[0, 0.02], [0.1, 0]], atol=1e-12)
    np.testing.assert_allclose(turn, [[0, 0], [0, 0.4]], atol=1e-12)
