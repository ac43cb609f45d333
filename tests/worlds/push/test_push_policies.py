from itertools import pairwise

import numpy as np
import pytest

from worlds.push import (
    ExpertPolicy,
    PushPolicy,
    PushWorld,
    RandomPolicy,
    random_state,
    reached,
    sample_task,
)
from worlds.push.state import corners, gap
from worlds.push.strokes import Course, Stroke, random_stroke
from worlds.push.table import HIGH, LOW
from worlds.push.walk import CLEAR, walk

MAKERS = {
    "random": RandomPolicy,
    "push": PushPolicy,
    "expert": lambda rng: ExpertPolicy(None, rng),
}


def played(name, seed, steps=31):
    rng = np.random.default_rng(seed)
    return PushWorld().follow(MAKERS[name](rng), random_state(rng), steps=steps)


def moving(states):
    return (np.diff(states[:, 2:], axis=0) != 0).any(axis=1).mean()


@pytest.mark.parametrize("name", list(MAKERS))
def test_policies_follow_from_their_generator_and_stay_in_bounds(name):
    (states, actions), (again, _), (other, _) = played(name, 0), played(name, 0), played(name, 1)
    np.testing.assert_array_equal(states, again)
    assert not np.array_equal(states, other)
    assert np.abs(actions).max() <= 1
    assert np.abs(actions).mean() > 0.2


def test_pushing_moves_the_block_more_than_wandering():
    share = {
        name: np.mean([moving(played(name, seed)[0]) for seed in range(10)])
        for name in ("random", "push")
    }
    assert share["push"] > 0.35
    assert share["push"] > share["random"] + 0.1


def test_the_wanderer_goes_everywhere():
    states, actions = played("random", 2, steps=1500)
    visited = np.unique((states[:, :2] * 4).astype(int), axis=0)
    assert len(visited) >= 14
    steady = (np.diff(actions, axis=0) ** 2).mean() / actions.var()
    assert steady < 0.5  # 2 for actions that know nothing of the last one


def test_the_expert_reaches_goals_and_then_rests():
    world = PushWorld()
    steps = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        task = sample_task(rng, world=world)
        states, actions = world.follow(ExpertPolicy(task.goal, rng), task.start, steps=31)
        there = reached(states, task.goal)
        steps.append(int(there.argmax()) if there.any() else 99)
        if there[-1]:
            assert not actions[int(there.argmax()) :].any()
    assert np.median(steps) <= 15
    assert np.mean(np.array(steps) < 99) >= 0.9


def test_an_expert_without_a_goal_never_rests():
    assert np.abs(played("expert", 4, steps=80)[1][-20:]).max() > 0.3


def test_walks_do_not_touch_the_block():
    rng = np.random.default_rng(0)
    around = 0
    for _ in range(60):
        state = random_state(rng)
        target = random_state(rng)[:2]
        if gap(target, state[2:]) < CLEAR:
            continue
        places = walk(state, target)
        assert places is not None
        np.testing.assert_array_equal(places[-1], target)
        around += len(places) > 1
        way = [state[:2], *places]
        for a, b in pairwise(way):
            line = a + np.linspace(0, 1, 50)[:, None] * (b - a)
            assert gap(line, state[2:]).min() > 0.005
            assert LOW - 1e-6 <= line.min() <= line.max() <= HIGH + 1e-6
    assert around > 10


def test_no_way_where_the_block_is_in_it():
    """A T that lies across a corner shuts it off."""
    block = np.array([0.188, 0.188, 3 * np.pi / 4])
    corner, outside = np.array([0.04, 0.04]), np.array([0.9, 0.9])
    assert gap(corner, block) > CLEAR
    assert (corners(block) > 0).all()
    assert walk(np.array([*outside, *block]), corner) is None
    assert Course.of(np.array([*outside, *block]), Stroke(corner, np.ones(2), 0.1)) is None


def test_strokes_begin_beside_the_block_and_go_through_it():
    rng = np.random.default_rng(1)
    state = np.array([0.1, 0.1, 0.5, 0.5, 0.4])
    strokes = [s for s in (random_stroke(state, rng) for _ in range(50)) if s is not None]
    assert len(strokes) > 40
    world = PushWorld()
    for stroke in strokes[:15]:
        assert 0.015 < gap(stroke.start, state[2:]) < 0.06
        pushed = stroke.play(world, state)
        assert moving(pushed[-2:]) == 1
        half = stroke.ending_at(stroke.start + 0.05 * stroke.direction)
        assert half.length == pytest.approx(0.05)


def test_a_course_ends_although_a_wedged_block_stops_it():
    """The block lies against the right wall; the push would go through the wall."""
    state = np.array([0.6, 0.5, 0.87, 0.5, -np.pi / 2])
    stroke = Stroke(np.array([0.62, 0.5]), np.array([1.0, 0.0]), 0.3)
    course, world = Course.of(state, stroke), PushWorld()
    assert course is not None
    taken = 0
    while (action := course.action(state)) is not None:
        state = world.step(state, action)
        taken += 1
    assert 3 <= taken <= 8
    assert state[0] < 0.8
