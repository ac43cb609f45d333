"""Episodes: who is shown what, when they end, and what is left of one that fails."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import torch
from line_world import STEP, LineSuite, picture
from torch import Tensor

from jepakit.planning.agents import RandomAgent, StillAgent
from jepakit.planning.closed_loop import run_episodes
from jepakit.planning.episode import Moment, Task


class Straight:
    """Goes to the goal, and remembers what it was shown."""

    name = "straight"

    def __init__(self) -> None:
        self.moments: list[Moment] = []

    def act(self, moment: Moment) -> Tensor:
        self.moments.append(moment)
        way = torch.tensor(np.stack([t["goal"] - t["place"] for t in moment.truth]))
        return (way / STEP).clamp(-1, 1).float()


def tasks(**fails_at: int) -> list[Task]:
    """Three; number ``n`` of ``fails_at`` breaks at that step."""
    made = LineSuite().tasks(3, 1)
    for name, step in fails_at.items():
        number = int(name.removeprefix("task"))
        made[number] = replace(made[number], options=made[number].options | {"fails_at": step})
    return made


def test_episodes_end_when_the_goal_is_reached_and_the_others_go_on() -> None:
    agent = Straight()
    run = run_episodes(LineSuite(), tasks(), agent, max_steps=20)
    ways = [np.abs(t.options["goal"] - t.options["start"]).max() for t in tasks()]
    needed = [int(np.floor((way - 8.0) / STEP)) + 1 for way in ways]
    assert [e.steps for e in run.episodes] == needed
    assert len(set(needed)) > 1
    assert run.successes == 3
    shown = [[n for n in range(3) if needed[n] > step] for step in range(max(needed))]
    assert [list(moment.episodes) for moment in agent.moments] == shown
    assert [moment.step for moment in agent.moments] == list(range(max(needed)))


def test_what_an_agent_is_shown() -> None:
    agent = Straight()
    run_episodes(LineSuite(), tasks(), agent, max_steps=2)
    for moment in agent.moments:
        for row, number in enumerate(moment.episodes):
            place, goal = moment.truth[row]["place"], tasks()[number].options["goal"]
            assert np.array_equal(moment.frames[row].numpy(), picture(place))
            assert np.array_equal(moment.goals[row].numpy(), picture(goal))
            assert np.allclose(moment.states[row].numpy(), place)
    assert not torch.equal(agent.moments[0].frames, agent.moments[1].frames)


def test_all_agents_get_the_same_starts_and_goals() -> None:
    seen = []
    for agent in (RandomAgent(LineSuite.actions), StillAgent(LineSuite.actions)):
        run = run_episodes(LineSuite(), tasks(), agent, max_steps=1, keep=3)
        seen.append([(e.key, e.frames[0].tobytes()) for e in run.episodes])
    assert seen[0] == seen[1]


def test_steps_that_are_used_up_are_no_success() -> None:
    run = run_episodes(LineSuite(), tasks(), StillAgent(LineSuite.actions), max_steps=4)
    assert [(e.success, e.steps, e.error) for e in run.episodes] == [(False, 4, None)] * 3
    assert all(30 <= e.measures["apart"] <= 50 for e in run.episodes)


def test_an_environment_that_fails_ends_its_episode_alone() -> None:
    for step in (0, 2):
        run = run_episodes(LineSuite(), tasks(task1=step), Straight(), max_steps=20)
        broken = run.episodes[1]
        assert broken.error is not None
        assert re.fullmatch(
            r"RuntimeError: the table broke \(line_world\.py, line \d+\)", broken.error
        )
        assert not broken.success
        assert broken.steps == max(step - 1, 0)
        assert broken.measures == {}
        assert [e.success for e in run.episodes] == [True, False, True]


def test_frames_are_kept_of_the_first_episodes_only() -> None:
    run = run_episodes(LineSuite(), tasks(), Straight(), max_steps=20, keep=1)
    first, *others = run.episodes
    assert len(first.frames) == len(first.truths) == first.steps + 1
    assert len(first.actions) == first.steps
    places = np.array([truth["place"] for truth in first.truths])
    assert np.allclose(np.diff(places, axis=0), STEP * np.array(first.actions), atol=1e-4)
    assert all(e.frames == e.actions == e.truths == () for e in others)


def test_seconds_are_those_of_deciding_per_step_and_episode() -> None:
    ticks = iter(range(100))
    steps: list[tuple[int, int]] = []
    still = StillAgent(LineSuite.actions)
    run = run_episodes(
        LineSuite(),
        tasks(),
        still,
        max_steps=5,
        progress=lambda done, of: steps.append((done, of)),
        clock=lambda: float(next(ticks)),
    )
    assert run.seconds == 5 / 15  # each decision of three takes one second
    assert steps == [(i, 5) for i in range(1, 6)]
