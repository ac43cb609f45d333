"""Adapters of foreign environments, each where its packages are there: tasks, restored states."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from jepakit.planning.agents import StillAgent
from jepakit.planning.closed_loop import run_episodes
from jepakit.planning.environments import Suite, open_suite
from jepakit.planning.environments.push_t import in_pose
from jepakit.planning.environments.restorable import (
    Floats,
    GoalEnv,
    RestorableSuite,
    Simulator,
    area_resized,
)

ADAPTERS = {"gym-pusht": 10, "point-maze": 10, "swm-pusht": 10, "swm-tworoom": 20}
"""Steps from start to goal."""
BASE = "jepakit.planning.environments."

# Of the packages while they are imported, at their own address.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ale-py not found:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Casting input x to numpy array:UserWarning"),
]


class Dot(Simulator):
    """``state <- state + action``; the picture has its state in it."""

    def __init__(self) -> None:
        self.now = np.zeros(2)

    @property
    def state(self) -> Floats:
        return self.now.copy()

    def restore(self, state: Floats) -> None:
        self.now = state.copy()

    def act(self, action: Any) -> None:
        self.now = self.now + action

    def picture(self) -> Any:
        return np.full((4, 4, 3), np.uint8(self.now[0]), np.uint8)


class Dots(RestorableSuite):
    """Goals are where the pilot takes the dot; nearer than ``far`` there is nothing to do."""

    name = "dots"
    far = 3.0

    def simulator(self) -> Dot:
        return Dot()

    def random_state(self, simulator: Any, rng: np.random.Generator) -> Floats:
        return rng.uniform(10, 20, 2)

    def pilot(self, simulator: Any, rng: np.random.Generator) -> Any:
        way = rng.uniform(0, 1, 2)
        return lambda: way

    def reached(self, state: Floats, goal: Floats) -> bool:
        return bool(np.abs(state - goal).max() < 1)

    def changed(self, start: Floats, goal: Floats) -> bool:
        return bool(np.abs(start - goal).max() > self.far)


class TestRestorable:
    def test_goals_are_what_the_pilot_leaves(self) -> None:
        tasks = Dots(size=2, goal_steps=4).tasks(5, 1)
        for task in tasks:
            way = task.options["goal"] - task.options["state"]
            assert 3 < way.max() < 4
        again = Dots(size=2, goal_steps=4).tasks(2, 1)
        for first, second in zip(tasks, again, strict=False):
            assert first.key == second.key
            assert all(np.array_equal(first.options[k], second.options[k]) for k in first.options)

    def test_no_goal_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"dots 3 steps away.*allow more goal_steps"):
            Dots(goal_steps=3).tasks(1, 0)

    def test_an_episode(self) -> None:
        environment = Dots(size=2).make()
        frame, info = environment.reset(options={"state": [10.0, 0.0], "goal": [12.0, 0.0]})
        assert (frame == 10).all()
        assert (environment.goal_frame == 12).all()
        assert frame.shape == environment.goal_frame.shape == (2, 2, 3)
        assert not info["success"]
        frame, reward, ended, cut, info = environment.step(np.array([1.5, 0.0], np.float32))
        assert (reward, ended, cut, info["success"]) == (1.0, True, False, True)
        assert info["state"].tolist() == [11.5, 0.0]

    def test_what_cannot_be(self) -> None:
        environment = Dots().make()
        with pytest.raises(RuntimeError, match="reset before step"):
            environment.step([0.0, 0.0])
        with pytest.raises(ValueError, match=r"'state' and 'goal' expected, came \['state'\]"):
            environment.reset(options={"state": [0.0, 0.0]})
        environment.reset(options={"state": [0.0, 0.0], "goal": [1.0, 0.0]})
        with pytest.raises(ValueError, match="must be finite"):
            environment.step([float("nan"), 0.0])

    def test_areas_are_averaged(self) -> None:
        fine = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        coarse = fine.reshape(2, 4, 2, 4, 3).mean(axis=(1, 3))
        assert (
            np.abs(area_resized(fine, 2) - coarse).max() < 1
        )  # Pillow rounds twice, by rows and columns


@pytest.mark.parametrize(
    ("off", "reached"),
    [
        ([0, 0, 0, 0, 0], True),
        ([300, 300, 0, 0, 0], True),  # of the pusher
        ([0, 0, 12, 15.9, 0], True),
        ([0, 0, 12, 16.1, 0], False),
        ([0, 0, 0, 0, np.pi / 9 - 0.01], True),
        ([0, 0, 0, 0, np.pi / 9 + 0.01], False),
        ([0, 0, 0, 0, 4 * np.pi - 0.3], True),
        ([0, 0, 0, 0, -np.pi], False),
    ],
)
def test_when_a_block_is_in_its_pose(off: list[float], reached: bool) -> None:
    goal = np.array([100.0, 110.0, 200.0, 210.0, 6.2])
    assert in_pose(goal + off, goal) == reached
    assert in_pose(goal - off, goal) == reached


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("gym-pusht", "gym_pusht", "envs"),
        ("point-maze", "gymnasium_robotics", "envs"),
        ("swm-pusht", "stable_worldmodel", "envs-swm"),
        ("swm-tworoom", "stable_worldmodel", "envs-swm"),
    ],
)
def test_a_missing_package_is_told_with_what_installs_it(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Missing:
        def find_spec(self, wanted: str, *_: Any) -> None:
            if wanted.split(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {wanted!r}", name=wanted)

    for module in [m for m in sys.modules if m.split(".")[0] == package or m.startswith(BASE)]:
        if module.split(".")[-1] not in ("restorable", "suite", "push_t", "push"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    told = rf"'{name}' needs [\w.]+, which is not installed: pip install 'jepakit\[{extra}\]'"
    with pytest.raises(ValueError, match=told):
        open_suite(name)


@pytest.fixture(params=list(ADAPTERS))
def suite(request: pytest.FixtureRequest) -> Iterator[Suite]:
    try:
        yield open_suite(request.param, size=48, goal_steps=ADAPTERS[request.param])
    except ValueError as error:
        if "installed" not in str(error) and "cannot draw" not in str(error):
            raise
        pytest.skip(str(error))


def started(suite: Suite, **options: Any) -> tuple[GoalEnv, Any, dict[str, Any]]:
    environment = suite.make()
    frame, info = environment.reset(options=options)
    return environment, frame, info


def test_tasks_are_unsolved_and_their_goals_are_solutions(suite: Suite) -> None:
    for task in suite.tasks(3, 5):
        start, goal = task.options["state"], task.options["goal"]
        environment, frame, info = started(suite, state=start, goal=goal)
        assert frame.shape == (48, 48, 3)
        assert frame.dtype == np.uint8
        assert np.allclose(info["state"], start, atol=1e-3)
        assert not info["success"]
        assert not np.array_equal(frame, suite.goal(environment))
        assert all(value > 0 for value in suite.measures(environment, info).values())
        _, frame, info = started(suite, state=goal, goal=goal)
        assert np.array_equal(frame, suite.goal(environment))
        assert np.allclose(info["state"], goal, atol=1.0)
        assert info["success"]


def test_the_first_tasks_do_not_depend_on_how_many_there_are(suite: Suite) -> None:
    few, many = suite.tasks(1, 2), suite.tasks(2, 2)
    for name, state in few[0].options.items():
        assert np.array_equal(state, many[0].options[name])
    assert not np.array_equal(many[0].options["goal"], many[1].options["goal"])


def test_the_same_actions_lead_to_the_same_frames(suite: Suite) -> None:
    (task,) = suite.tasks(1, 0)
    low, high = suite.actions.low, suite.actions.high
    actions = np.random.default_rng(1).uniform(low, high, (6, 2)).astype(np.float32)
    used = suite.make()

    def played(environment: Any) -> tuple[Any, Any]:
        seen = [environment.reset(options=task.options)]
        for action in actions:
            frame, _, _, _, info = environment.step(action)
            seen.append((frame, info))
        return np.stack([f for f, _ in seen]), np.stack([info["state"] for _, info in seen])

    frames, states = played(used)
    assert np.abs(np.diff(states[:, :2], axis=0)).max() > 0
    for other in (played(used), played(suite.make())):
        assert np.array_equal(other[0], frames)
        assert np.array_equal(other[1], states)


def test_environments_side_by_side_do_not_meet(suite: Suite) -> None:
    """One that is stepped leaves another alone."""
    first, second = suite.tasks(2, 4)
    one, _, _ = started(suite, **first.options)
    two, frame, info = started(suite, **second.options)
    action = np.array(suite.actions.high, np.float32)
    for _ in range(3):
        one.step(action)
    assert np.array_equal(two.simulator.state, info["state"])
    assert np.array_equal(area_resized(two.simulator.picture(), 48), frame)


def test_declared_changes_of_the_state_are_real(suite: Suite) -> None:
    space = suite.actions
    if not space.changes:
        pytest.skip(f"{suite.name} declares none: its agent has a velocity.")
    environment, _, info = started(suite, state=[27.0, 194.0], goal=[150.0, 120.0])
    for action in ([1.0, 0.5], [-0.4, 1.0], [-1.0, 1.0], [-1.0, 0.3], [0.2, 0.1]):  # into a corner
        before = torch.tensor(suite.proprio(info), dtype=torch.float64)
        *_, info = environment.step(np.array(action, np.float32))
        expected = space.moved(before, torch.tensor(action, dtype=torch.float64))
        assert np.allclose(info["state"], expected.numpy(), atol=1e-4)


def test_an_agent_runs_on_it(suite: Suite) -> None:
    run = run_episodes(suite, suite.tasks(2, 0), StillAgent(suite.actions), max_steps=2, keep=1)
    assert [(e.steps, e.error) for e in run.episodes] == [(2, None)] * 2
    assert len(run.episodes[0].frames) == 3
    frames = suite.sample_frames(3, 0)
    assert frames is not None
    assert frames.shape == (3, 48, 48, 3)
    assert len(np.unique(frames.reshape(3, -1), axis=0)) == 3
    assert len(suite.digest()) == 64


def test_every_pose_of_a_table_is_restored(suite: Suite) -> None:
    if "pusht" not in suite.name:
        pytest.skip(f"{suite.name} has no block.")
    for angle in (0.3, 2.0, 5.5):
        pose = np.array([60.0, 70.0, 250.0, 260.0, angle])
        _, _, info = started(suite, state=pose, goal=pose)
        assert np.allclose(info["state"], pose, atol=1e-6)
