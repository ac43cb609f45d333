import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from worlds.push import PushEnv, PushWorld, draw, sample_task


def test_gymnasium_finds_nothing_wrong():
    made = gymnasium.make("worlds/Push-v0", render_mode="rgb_array", size=32)
    check_env(made.unwrapped)
    assert isinstance(made.unwrapped, PushEnv)


def test_an_episode_is_what_the_world_plays():
    env = PushEnv(size=48)
    frame, info = env.reset(seed=3)
    task = sample_task(np.random.default_rng(3))
    np.testing.assert_array_equal(info["state"], task.start)
    np.testing.assert_array_equal(env.goal_state, task.goal)
    np.testing.assert_array_equal(env.goal_frame, draw(task.goal[None], size=48)[0][0])
    states = PushWorld().play(task.start, task.actions[None])[0]
    frames, labels = draw(states, size=48)
    np.testing.assert_array_equal(frame, frames[0])
    ended = False
    for time, action in enumerate(task.actions, start=1):
        frame, reward, terminated, truncated, info = env.step(action)
        np.testing.assert_array_equal(info["state"], states[time])
        np.testing.assert_array_equal(frame, frames[time])
        np.testing.assert_array_equal(info["labels"], labels[time])
        assert reward == float(terminated) == float(info["success"])
        assert not truncated
        ended |= terminated
    assert ended


def test_reset_is_seeded_and_goes_on():
    first, second = PushEnv(), PushEnv()
    for seed in (5, None, None):
        one, two = first.reset(seed=seed)[1]["state"], second.reset(seed=seed)[1]["state"]
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(first.goal_state, second.goal_state)
    assert not np.array_equal(first.reset()[1]["state"], one)


def test_start_and_goal_can_be_set():
    start, goal = [0.2, 0.2, 0.6, 0.6, 0.0], [0.8, 0.3, 0.4, 0.4, 1.0]
    env = PushEnv()
    _, info = env.reset(options={"state": start, "goal": goal})
    np.testing.assert_array_equal(info["state"], start)
    np.testing.assert_array_equal(env.goal_state, goal)
    assert not info["success"]
    _, info = env.reset(seed=0, options={"state": start})
    np.testing.assert_array_equal(info["state"], start)
    assert not np.array_equal(env.goal_state, goal)
    _, info = env.reset(options={"goal": goal})
    np.testing.assert_array_equal(env.goal_state, goal)
    assert not np.array_equal(info["state"], start)
    _, info = env.reset(options={"state": start, "goal": start})
    assert info["success"]


def test_the_states_of_an_episode_are_its_own():
    env = PushEnv()
    _, info = env.reset(seed=0)
    info["state"][:] = 0.0
    assert env.step((0.0, 0.0))[4]["state"].any()


def test_episodes_are_cut_off():
    env = PushEnv(max_steps=3)
    env.reset(seed=1)
    assert [env.step((0.0, 0.0))[3] for _ in range(3)] == [False, False, True]
    endless = PushEnv(max_steps=None)
    endless.reset(seed=1)
    assert not any(endless.step((0.0, 0.0))[3] for _ in range(5))


def test_the_human_view_shows_the_goal_and_the_observation_does_not():
    env = PushEnv(render_mode="rgb_array")
    state, goals = [0.2, 0.2, 0.6, 0.6, 0.0], ([0.8, 0.3, 0.4, 0.4, 1.0], [0.8, 0.3, 0.5, 0.4, 1.0])
    seen = []
    for goal in goals:
        frame, _ = env.reset(options={"state": state, "goal": goal})
        seen.append((frame, env.render()))
    np.testing.assert_array_equal(seen[0][0], seen[1][0])
    assert seen[0][1].shape == (256, 256, 3)
    assert (seen[0][1] != seen[1][1]).any()
    env.render_mode = None
    assert env.render() is None


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="'rgb_array' or None, came 'human'"):
        PushEnv(render_mode="human")
    env = PushEnv()
    with pytest.raises(RuntimeError, match="Call reset before step"):
        env.step((0.0, 0.0))
    with pytest.raises(ValueError, match=r"Unknown options \['gaol'\]"):
        env.reset(options={"gaol": 1})
    with pytest.raises(ValueError, match="five finite numbers"):
        env.reset(options={"state": [0.0, 1.0]})
    env.reset(seed=0)
    with pytest.raises(ValueError, match="finite numbers"):
        env.step((np.nan, 0.0))
