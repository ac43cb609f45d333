"""Pictures of an evaluation, in a world that is known perfectly and in the push world."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from line_world import NEAR, STEP, LineModel, LineSuite, picture
from tiny_dynamics import SIZE, dynamics

from jepakit.planning import CEM, GoalDistance, LatentPlanner
from jepakit.planning.agents import PlanningAgent
from jepakit.planning.closed_loop import Run, run_episodes
from jepakit.planning.environments.push import PushSuite
from jepakit.planning.pictures import GRID, PictureMaker
from jepakit.training.runs import build_model


class Sampled(LineSuite):
    """Frames can be drawn."""

    def sample_frames(self, count: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.stack([picture(rng.uniform(0, 255, 2)) for _ in range(count)])


def maker(suite: Any = None, model: Any = None, **options: Any) -> PictureMaker:
    suite = suite or Sampled()
    solver = CEM(suite.actions, horizon=4, samples=32, iterations=3)
    planner = LatentPlanner(model or LineModel(), solver, GoalDistance("l2", when="sum"))
    device = torch.device("cpu")
    return PictureMaker(suite, planner, GoalDistance("l1"), device, bank=70, **options)


def played(made: PictureMaker, *, keep: int = 2) -> tuple[list[Any], Run]:
    tasks = made.suite.tasks(2, 0)
    agent = PlanningAgent(made.planner)
    return tasks, run_episodes(made.suite, tasks, agent, max_steps=6, keep=keep)


class TestImagined:
    def test_a_perfect_model_expects_what_happens(self) -> None:
        made = maker()
        (task,) = made.suite.tasks(1, 0)
        found = made.imagined(0, task, None)
        steps = len(found.real)
        assert found.nearest is None
        assert len(found.imagined_distance) == 5
        assert np.abs(found.imagined_distance[:steps] - found.real_distance).max() <= 0.5  # rounded
        way = np.abs(task.options["goal"].round() - 100).mean()
        assert found.imagined_distance[0] == found.real_distance[0] == pytest.approx(way)
        assert np.array_equal(found.goal, picture(task.options["goal"]))

    def test_the_plan_is_the_agents_first_one(self) -> None:
        made = maker()
        tasks = made.suite.tasks(2, 0)
        agent = PlanningAgent(made.planner, execute=4)
        run = run_episodes(made.suite, tasks, agent, max_steps=4, keep=2)
        for number, task in enumerate(tasks):
            real = made.imagined(number, task, None).real
            assert np.array_equal(real, np.stack(run.episodes[number].frames))

    def test_the_nearest_frame_of_the_bank(self) -> None:
        made = maker()
        (task,) = made.suite.tasks(1, 0)
        bank = made.suite.sample_frames(70, 1)
        found = made.imagined(0, task, bank)
        start = found.real[0, 0, 0, :2].astype(float)
        apart = [np.hypot(*(frame[0, 0, :2].astype(float) - start)) for frame in bank]
        assert np.array_equal(found.nearest[0], bank[int(np.argmin(apart))])
        assert len(found.nearest) == len(found.imagined_distance)


class TestLandscape:
    @pytest.mark.parametrize("steps", [1, 3])
    def test_a_perfect_model_is_lowest_at_the_action_that_was_done(self, steps: int) -> None:
        made = maker()
        (task,) = made.suite.tasks(1, 0)
        before, action = [(0.5, -0.5)], (0.6, -0.3)
        found = made.landscape(task, before, action, steps=steps)
        assert found.lowest == pytest.approx(action)
        assert found.action == pytest.approx(action)
        assert found.names == ("x", "y")
        place = (100 + STEP * np.array(before[0])).round()
        goal = (100 + STEP * np.array(before[0]) + steps * STEP * np.array(action)).round()
        assert np.array_equal(found.start, picture(place))
        assert np.array_equal(found.goal, picture(goal))
        for row, y in enumerate(np.linspace(-1, 1, GRID)):
            for column, x in enumerate(np.linspace(-1, 1, GRID)):
                slow = np.abs(place + steps * STEP * np.array([x, y]) - goal).mean()
                assert found.distance[row, column] == pytest.approx(slow, abs=1e-4)

    def test_an_episode_that_ends_before_has_none(self) -> None:
        made = maker()
        (task,) = made.suite.tasks(1, 0)
        near = replace(task, options=task.options | {"goal": np.array([100.0 + NEAR, 100.0])})
        assert made.landscape(near, [], (1.0, 0.0), steps=3) is None


class TestMake:
    def test_all_parts(self) -> None:
        made = maker()
        found = made.make(*_listed(played(made)))
        assert [reel.task for reel in found.reels] == ["line-0-0", "line-0-1"]
        assert [reel.agent for reel in found.reels] == ["planning"] * 2
        assert len(found.imagined) == 2
        assert found.bank == "70 random states of line"
        assert found.distance == "l1"
        assert [landscape.steps for landscape in found.landscapes] == [1, 3]

    def test_no_more_steps_than_the_model_can_imagine(self) -> None:
        made = maker(limit=2)
        found = made.make(*_listed(played(made)))
        assert [landscape.steps for landscape in found.landscapes] == [1]

    def test_an_environment_without_random_states(self) -> None:
        made = maker(LineSuite())
        found = made.make(*_listed(played(made)))
        assert found.bank == ""
        assert [plan.nearest for plan in found.imagined] == [None, None]

    def test_nothing_was_kept(self) -> None:
        made = maker()
        found = made.make(*_listed(played(made, keep=0)))
        assert found.reels == found.imagined == found.landscapes == ()

    def test_environments_that_failed_are_left_out(self) -> None:
        made = maker()
        tasks, run = played(made)
        broken = replace(run.episodes[0], error="RuntimeError: no")
        run = replace(run, episodes=(broken, run.episodes[1]))
        found = made.make(tasks, [run])
        assert [reel.task for reel in found.reels] == ["line-0-1"]
        assert [plan.task for plan in found.imagined] == ["line-0-1"]


def test_the_push_world_and_an_untrained_model() -> None:
    suite = PushSuite(size=SIZE, goal_steps=4)
    torch.manual_seed(0)
    model: Any = build_model(dynamics()).eval()
    made = maker(suite, model, limit=7)
    found = made.make(*_listed(played(made)))
    assert [len(plan.imagined_distance) for plan in found.imagined] == [5, 5]
    assert found.imagined[0].nearest.shape == (5, SIZE, SIZE, 3)
    assert [landscape.names for landscape in found.landscapes] == [("vx", "vy")] * 2
    assert all(np.isfinite(landscape.distance).all() for landscape in found.landscapes)


def test_random_states_of_the_push_world() -> None:
    suite = PushSuite(size=16)
    frames = suite.sample_frames(70, 3)
    assert frames.shape == (70, 16, 16, 3)
    assert np.array_equal(frames, suite.sample_frames(70, 3))
    assert not np.array_equal(frames, suite.sample_frames(70, 4))
    assert len(np.unique(frames.reshape(70, -1), axis=0)) == 70


def _listed(given: tuple[list[Any], Run]) -> tuple[list[Any], list[Run]]:
    return given[0], [given[1]]
