"""Agents: what each does, what the planner remembers, and that episodes do not touch each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from line_world import NEAR, SPACE, STEP, LineModel, LineSuite
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning import CEM, GoalDistance, LatentPlanner, shifted
from jepakit.planning.agents import OracleAgent, PlanningAgent, PolicyAgent, RandomAgent, StillAgent
from jepakit.planning.closed_loop import run_episodes
from jepakit.planning.environments.push import PushSuite
from jepakit.planning.episode import Moment


def planner(*, horizon: int = 5, samples: int = 64) -> LatentPlanner:
    solver = CEM(SPACE, horizon=horizon, samples=samples, iterations=4)
    return LatentPlanner(LineModel(), solver, GoalDistance("l2", when="sum"))


def noted(agent: PlanningAgent) -> list[dict[str, Any]]:
    """What the agent's planner is given, call by call."""
    calls: list[dict[str, Any]] = []
    real = agent.planner.plan

    def plan(state: Any, goal: Tensor, **options: Any) -> Any:
        found = real(state, goal, **options)
        calls.append({"goal": goal, "plan": found.actions, **options})
        return found

    agent.planner.plan = plan  # type: ignore[method-assign]
    return calls


def moment(episodes: tuple[int, ...], step: int) -> Moment:
    blank = torch.zeros(len(episodes), 4, 4, 3, dtype=torch.uint8)
    return Moment(step, episodes, blank, blank, torch.zeros(len(episodes), 2))


class TestRandom:
    def test_an_episode_has_its_own_stream(self) -> None:
        agent = RandomAgent(ActionSpace(("a", "b"), (-1.0, 2.0), (1.0, 6.0)), seed=3)
        together = agent.act(moment((0, 1, 2), 4))
        assert torch.equal(agent.act(moment((2,), 4)), together[2:])
        assert not torch.equal(agent.act(moment((2,), 5)), together[2:])
        assert len(together.unique()) == 6

    def test_actions_fill_the_bounds(self) -> None:
        agent = RandomAgent(ActionSpace(("a", "b"), (-1.0, 2.0), (1.0, 6.0)))
        drawn = agent.act(moment(tuple(range(500)), 0))
        assert (drawn.amin(dim=0) - torch.tensor([-1.0, 2.0])).abs().max() < 0.05
        assert (drawn.amax(dim=0) - torch.tensor([1.0, 6.0])).abs().max() < 0.05


def test_doing_nothing_is_the_nearest_to_zero_within_the_bounds() -> None:
    agent = StillAgent(ActionSpace(("a", "b"), (-1.0, 2.0), (1.0, 6.0)))
    assert agent.act(moment((0, 1), 0)).tolist() == [[0.0, 2.0]] * 2


def test_a_policy_is_given_frames_goals_and_states() -> None:
    class Policy:
        def act(self, frames: Tensor, goals: Tensor, states: Tensor) -> Tensor:
            assert (frames.shape, goals.shape) == ((2, 4, 4, 3), (2, 4, 4, 3))
            return states + 1

    agent = PolicyAgent(Policy())
    assert agent.name == "behaviour cloning"
    assert agent.act(moment((0, 1), 0)).tolist() == [[1.0, 1.0]] * 2


class TestPlanning:
    def test_it_reaches_its_goals(self) -> None:
        suite = LineSuite()
        run = run_episodes(suite, suite.tasks(3, 0), PlanningAgent(planner()), max_steps=10)
        assert run.successes == 3

    def test_one_episode_is_the_same_alone_and_among_others(self) -> None:
        suite = LineSuite()
        tasks = suite.tasks(3, 0)
        agent = PlanningAgent(planner(), execute=2, context=2, seed=5)
        among = run_episodes(suite, tasks, agent, max_steps=10, keep=3).episodes[0]
        alone = run_episodes(suite, tasks[:1], agent, max_steps=10, keep=1).episodes[0]
        assert among.steps == alone.steps
        assert np.abs(np.array(among.actions) - np.array(alone.actions)).max() < 1e-5

    @pytest.mark.parametrize(("context", "execute"), [(1, 1), (3, 1), (2, 2), (4, 3)])
    def test_the_model_is_started_with_what_was_seen_and_done(
        self, context: int, execute: int
    ) -> None:
        suite = LineSuite()
        planning = planner()
        agent = PlanningAgent(planning, context=context, execute=execute)
        kept = run_episodes(suite, suite.tasks(2, 1), agent, max_steps=4, keep=2).episodes
        started = planning.model.started
        times = [step for step in range(kept[0].steps) if step % execute == 0]
        assert len(started) == len(times)
        for now, (frames, actions, states) in zip(times, started, strict=True):
            first = max(0, now + 1 - context)
            for row, episode in enumerate(kept):
                seen, done = episode.frames[first : now + 1], episode.actions[first:now]
                places = [truth["place"] for truth in episode.truths[first : now + 1]]
                assert np.array_equal(frames[row].numpy(), np.stack(seen))
                assert np.allclose(actions[row].numpy(), np.reshape(done, (-1, 2)), atol=1e-6)
                assert np.allclose(states[row].numpy(), places, atol=1e-4)

    def test_a_plan_is_done_for_some_steps_and_its_rest_searched_around(self) -> None:
        suite = LineSuite()
        agent = PlanningAgent(planner(), execute=2, seed=7)
        calls = noted(agent)
        kept = run_episodes(suite, suite.tasks(1, 1), agent, max_steps=4, keep=1).episodes[0]
        first, second = calls
        assert first["warm_start"] is None
        assert torch.equal(second["warm_start"], shifted(first["plan"], 2))
        assert [call["seeds"] for call in calls] == [[(7, 0, 0)], [(7, 0, 2)]]
        done = torch.cat([first["plan"][0, :2], second["plan"][0, :2]])
        assert np.allclose(np.array(kept.actions), done.numpy()[: kept.steps])

    def test_without_warm_start_every_plan_begins_anew(self) -> None:
        suite = LineSuite()
        agent = PlanningAgent(planner(), warm_start=False)
        calls = noted(agent)
        run_episodes(suite, suite.tasks(1, 1), agent, max_steps=2)
        assert [call["warm_start"] for call in calls] == [None, None]

    def test_every_running_episode_has_its_share_of_the_time(self) -> None:
        suite = LineSuite()
        agent = PlanningAgent(planner(), budget_seconds=9.0)
        calls = noted(agent)
        steps = run_episodes(suite, suite.tasks(3, 1), agent, max_steps=9).episodes
        running = [sum(e.steps > step for e in steps) for step in range(len(calls))]
        assert [call["budget_seconds"] for call in calls] == [9.0 * count for count in running]
        assert len(set(running)) > 1

    def test_a_second_run_remembers_nothing_of_the_first(self) -> None:
        suite, agent = LineSuite(), PlanningAgent(planner(), context=3)
        tasks = suite.tasks(2, 1)
        runs = [run_episodes(suite, tasks, agent, max_steps=3, keep=2) for _ in range(2)]
        first, second = ([e.actions for e in run.episodes] for run in runs)
        assert first == second

    @pytest.mark.parametrize("options", [{"execute": 0}, {"execute": 6}, {"context": 0}])
    def test_impossible_numbers_are_refused(self, options: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="execute must be 1 to the horizon"):
            PlanningAgent(planner(horizon=5), **options)


class TestOracle:
    def test_it_knows_the_goal_of_its_own_episode(self) -> None:
        suite = LineSuite()
        agent = OracleAgent(suite, CEM(SPACE, horizon=4, samples=64, iterations=4), execute=4)
        kept = run_episodes(suite, suite.tasks(3, 2), agent, max_steps=8, keep=3).episodes
        for task, episode in zip(suite.tasks(3, 2), kept, strict=True):
            way = task.options["goal"] - task.options["start"]
            moved = STEP * np.sum(episode.actions, axis=0)
            assert np.abs(moved - way).max() < NEAR
            assert episode.success

    def test_it_beats_random_actions_in_the_push_world(self) -> None:
        suite = PushSuite(size=16, goal_steps=5)
        tasks = suite.tasks(3, 0)
        solver = CEM(suite.actions, horizon=5, samples=48, iterations=3)
        runs = [
            run_episodes(suite, tasks, agent, max_steps=8)
            for agent in (OracleAgent(suite, solver, execute=2), RandomAgent(suite.actions))
        ]
        oracle, random = runs
        assert random.successes == 0
        assert oracle.successes >= 2

    def test_an_environment_without_states_has_none(self) -> None:
        class Closed(LineSuite):
            true_cost = super(LineSuite, LineSuite).true_cost

        suite = Closed()
        agent = OracleAgent(suite, CEM(SPACE, horizon=4, samples=8, iterations=1))
        with pytest.raises(ValueError, match="line offers no oracle"):
            run_episodes(suite, suite.tasks(1, 0), agent, max_steps=1)


def test_goals_of_moments_are_not_mixed_up() -> None:
    """Two episodes with swapped goals get swapped plans."""
    suite = LineSuite()
    tasks = suite.tasks(2, 3)
    swapped = [
        replace(task, options=task.options | {"goal": other.options["goal"]})
        for task, other in zip(tasks, tasks[::-1], strict=True)
    ]
    ends = []
    for given in (tasks, swapped):
        run = run_episodes(suite, given, PlanningAgent(planner()), max_steps=10, keep=2)
        ends.append([episode.truths[-1]["place"] for episode in run.episodes])
    assert np.abs(ends[0][0] - ends[1][1]).max() < 16
    assert np.abs(ends[0][0] - ends[1][0]).max() > 16
