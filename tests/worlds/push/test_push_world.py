import numpy as np
import pytest

from worlds.physics import World
from worlds.push import MAX_TRAVEL, PushWorld, distances, random_state
from worlds.push import world as world_module
from worlds.push.state import corners, gap
from worlds.push.table import BLOCK, HIGH, LOW, SKIN, table_scene
from worlds.push.world import PHYSICS_STEPS

# Pusher below the stem of an upright T.
BELOW = np.array([0.5, 0.15, 0.5, 0.42, 0.0])


def chase(rng, strength=0.7):
    """Mostly towards the block, so that it is pushed into edges and corners."""

    def policy(state):
        ahead = state[2:4] - state[:2]
        return rng.uniform(-1, 1, 2) + strength * ahead / np.linalg.norm(ahead)

    return policy


def chased(seed, steps):
    rng = np.random.default_rng(seed)
    return PushWorld().follow(chase(rng), random_state(rng), steps=steps)


def test_the_future_depends_on_the_state_alone_bit_by_bit():
    states, actions = chased(0, 400)
    assert (np.diff(states[:, 2:], axis=0) != 0).any(axis=1).mean() > 0.8
    replayed = PushWorld().play(states[0], actions[None])
    np.testing.assert_array_equal(replayed[0], states)
    used = PushWorld()
    for start in (399, 13, 200):  # in a world that has seen other states
        np.testing.assert_array_equal(
            used.play(states[start], actions[None, start:])[0], states[start:]
        )
    np.testing.assert_array_equal(PushWorld().step(states[399], actions[399]), states[400])


def test_play_goes_through_every_sequence():
    rng = np.random.default_rng(0)
    actions = rng.uniform((-0.3, 0.3), (0.3, 1.0), (5, 4, 2))
    world = PushWorld()
    played = world.play(BELOW, actions)
    assert played.shape == (5, 5, 5)
    for plan, states in zip(actions, played, strict=True):
        now = BELOW
        for action, expected in zip(plan, states[1:], strict=True):
            now = world.step(now, action)
            np.testing.assert_array_equal(now, expected)
    assert world.play(BELOW, np.zeros((0, 3, 2))).shape == (0, 4, 5)
    assert world.play(BELOW, np.zeros((2, 0, 2))).shape == (2, 1, 5)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_leaves_the_table_or_enters_another(seed):
    states, _ = chased(seed, 2000)
    assert np.abs(states[:, :2] - 0.5).max() <= HIGH - 0.5 + 1e-6
    assert np.abs(corners(states[:, 2:]) - 0.5).max() <= 0.5
    assert min(gap(state[:2], state[2:]) for state in states) > 0
    # Nothing is flung: a lever may add a little to what the pusher travels.
    shift, turn = distances(states[1:], states[:-1])
    assert shift.max() < 1.2 * np.sqrt(2) * MAX_TRAVEL
    assert turn.max() < 1.0


def test_a_wedged_block_stops_the_pusher():
    states = PushWorld().play(BELOW, np.full((1, 30, 2), (0.0, 1.0)))[0]
    assert corners(states[-1, 2:])[:, 1].max() == pytest.approx(1.0, abs=3.5 * SKIN)
    assert gap(states[-1, :2], states[-1, 2:]) > 0
    np.testing.assert_allclose(states[-1], states[-5], atol=2e-3)


def test_a_pusher_slides_along_a_wedged_block():
    wedged = PushWorld().play(BELOW, np.full((1, 30, 2), (0.0, 1.0)))[0, -1]
    freed = PushWorld().play(wedged, np.full((1, 3, 2), (1.0, 0.4)))[0]
    assert freed[-1, 0] > wedged[0] + 0.2


@pytest.mark.parametrize("angle", np.linspace(0, 2 * np.pi, 7)[:-1])
def test_a_push_through_the_centre_carries_the_block_along(angle):
    """In every direction, at the pusher's speed and without turning; then it stops at once."""
    direction = np.array([-np.sin(angle), np.cos(angle)])  # what is up for the block
    start = np.array([*(0.5 - 0.29 * direction), 0.5, 0.5, angle])
    states = PushWorld().play(start, np.tile(0.8 * direction, (1, 4, 1)))[0]
    shift = np.diff(states[1:, 2:4], axis=0)
    np.testing.assert_allclose(shift, np.tile(0.08 * direction, (3, 1)), atol=6e-4)
    np.testing.assert_allclose(states[:, 4], angle, atol=0.02)
    rest = gap(states[-1, :2], states[-1, 2:])
    assert SKIN - 1e-4 < rest < 2 * SKIN + 1e-4
    still = PushWorld().step(states[-1], (0.0, 0.0))
    np.testing.assert_allclose(still, states[-1], atol=1e-6)


def test_what_slides_stops_within_a_step():
    world = World(table_scene(), log_contacts=False)
    world.set_velocity(BLOCK, (0.5, 0.0))
    for _ in range(PHYSICS_STEPS):
        world.step()
    x, y, vx = (world.states()[BLOCK][i] for i in (0, 1, 3))
    assert 0.5 < x < 0.51
    assert y == 0.5
    assert 0 <= vx < 1e-3


def test_a_push_beside_the_centre_turns_the_block():
    """Up at the left end of the bar: clockwise. Up at its right end: the other way."""
    turns = []
    for side in (-1.0, 1.0):
        start = [0.5 + 0.12 * side, 0.4, 0.5, 0.5, 0.0]
        turns.append(PushWorld().play(start, np.full((1, 3, 2), (0.0, 0.8)))[0, -1, 4])
    assert turns[0] < -0.2
    assert turns[1] == pytest.approx(-turns[0], abs=1e-3)


def test_a_mirrored_world_goes_on_mirrored():
    rng = np.random.default_rng(3)
    actions = rng.uniform((-0.3, 0.3), (0.3, 0.9), (8, 4, 2))
    start = np.array([0.46, 0.15, 0.5, 0.42, 0.3])
    mirror, flip = np.array([-1, 1, -1, 1, -1]), np.array([1.0, 0, 1.0, 0, 0])
    world = PushWorld()
    there = world.play(start, actions)
    back = world.play(start * mirror + flip, actions * (-1, 1)) * mirror + flip
    assert np.abs(there[:, -1, 4] - 0.3).max() > 0.1
    np.testing.assert_allclose(back, there, atol=2e-3)


def test_actions_are_clipped_and_the_edge_shortens_them():
    world = PushWorld()
    corner = np.array([0.1, 0.9, 0.6, 0.4, 0.0])
    np.testing.assert_allclose(world.step(corner, (-0.3, 0.2))[:2], (0.07, 0.92), atol=1e-12)
    np.testing.assert_allclose(world.step(corner, (0.5, 7.0))[:2], (0.15, HIGH), atol=1e-12)
    np.testing.assert_allclose(world.step(corner, (-1.0, 1.0))[:2], (LOW, HIGH), atol=1e-12)
    np.testing.assert_array_equal(world.step(corner, (4.0, 0.0)), world.step(corner, (1.0, 0.0)))


def test_steps_far_from_the_block_need_no_engine(monkeypatch):
    rng = np.random.default_rng(5)
    cases = [(random_state(rng), rng.uniform(-1, 1, 2)) for _ in range(300)]
    fast = np.array([PushWorld().step(*case) for case in cases])
    asked = []
    monkeypatch.setattr(world_module, "far_apart", lambda *a: asked.append(a))
    slow = np.array([PushWorld().step(*case) for case in cases])
    assert len(asked) == len(cases)
    np.testing.assert_allclose(fast, slow, atol=1e-6)
    still = np.array([case[0][2:] for case in cases])
    assert 0.02 < (fast[:, 2:] != still).any(axis=1).mean() < 0.5


def test_plans_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"shape \(s, h, 2\).*came shape \(4, 2\)"):
        PushWorld().play(BELOW, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="overlap"):
        PushWorld().play([0.5, 0.5, 0.5, 0.5, 0.0], np.zeros((1, 4, 2)))


def test_follow_is_what_play_plays():
    states, actions = PushWorld().follow(lambda state: 3 * (0.5 - state[:2]), BELOW, steps=5)
    assert np.abs(actions).max() <= 1
    np.testing.assert_array_equal(PushWorld().play(BELOW, actions[None])[0], states)
    states, actions = PushWorld().follow(lambda state: state[:2], BELOW, steps=0)
    assert states.shape == (1, 5)
    assert actions.shape == (0, 2)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ((0.0, np.nan), "came NaN"),
        ((np.inf, 0.0), "infinity"),
        ((0.0,), "velocities vx, vy"),
        (0.0, "velocities vx, vy"),
        ((0.0, 0.0, 0.0), r"shape \(3,\)"),
    ],
)
def test_actions_that_are_none_are_refused(action, words):
    with pytest.raises(ValueError, match=words):
        PushWorld().step(BELOW, action)


def test_a_block_in_the_open_never_stops_the_pusher():
    rng = np.random.default_rng(0)
    world, met = PushWorld(), 0
    for _ in range(300):
        state = random_state(rng)
        state[2:4] = rng.uniform(0.42, 0.58, 2)
        if gap(state[:2], state[2:]) < 0.012:
            continue
        ahead = state[2:4] + rng.uniform(-0.1, 0.1, 2) - state[:2]
        action = ahead / np.abs(ahead).max()  # as fast as can be
        after = world.step(state, action)
        met += int((after[2:] != state[2:]).any())
        told = (state[:2] + MAX_TRAVEL * action).clip(LOW, HIGH)
        np.testing.assert_allclose(after[:2], told, atol=1e-6)
    assert met > 50
