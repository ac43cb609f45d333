import numpy as np
import pytest

from worlds.push import PushWorld, check_state, distances, random_state, reached, sample_task


@pytest.fixture(scope="module")
def tasks():
    world = PushWorld()
    return [sample_task(np.random.default_rng(seed), world=world) for seed in range(40)]


def test_doing_nothing_solves_no_task(tasks):
    world = PushWorld()
    for task in tasks:
        still = world.play(task.start, np.zeros((1, 10, 2)))[0]
        assert not reached(still, task.goal).any()


def test_the_recorded_actions_lead_to_the_goal(tasks):
    for task in tasks:
        assert task.actions.shape == (10, 2)
        assert np.abs(task.actions).max() <= 1
        states = PushWorld().play(task.start, task.actions[None])[0]
        np.testing.assert_array_equal(states[-1], check_state(task.goal))
        assert reached(states[-1], task.goal)


def test_tasks_are_many_and_follow_from_their_seed(tasks):
    again = sample_task(np.random.default_rng(7))
    for name in ("start", "goal", "actions"):
        np.testing.assert_array_equal(getattr(again, name), getattr(tasks[7], name))
    assert len({tuple(task.goal) for task in tasks}) == 40
    shift, turn = distances(np.stack([t.start for t in tasks]), np.stack([t.goal for t in tasks]))
    assert shift.max() > 0.2
    assert turn.max() > 0.8


def test_options():
    rng = np.random.default_rng(0)
    near = [sample_task(rng, max_shift=0.08, goal_steps=8) for _ in range(5)]
    assert max(distances(t.start, t.goal)[0] for t in near) <= 0.08
    assert all(len(t.actions) == 8 for t in near)
    start = random_state(rng)
    np.testing.assert_array_equal(sample_task(rng, start=start).start, start)


def test_goals_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"No goal 0 steps away .* 200 attempts; allow more"):
        sample_task(np.random.default_rng(0), goal_steps=0)
    with pytest.raises(ValueError, match="beyond its edge"):
        sample_task(np.random.default_rng(0), start=[0.1, 0.1, 2.0, 0.5, 0.0])
