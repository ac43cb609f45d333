"""Episodes in a real environment: observe, act, and see whether the goal is reached."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.planning.environments.suite import Suite
from jepakit.planning.episode import Agent, Episode, Moment, Task


@dataclass
class _Running:
    """An episode that is not over."""

    number: int
    task: Task
    environment: Any
    keep: bool
    frame: Any = None
    info: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    error: str | None = None
    frames: list[Any] = field(default_factory=list)
    truths: list[Any] = field(default_factory=list)
    actions: list[tuple[float, ...]] = field(default_factory=list)

    def note(self) -> None:
        if self.keep:
            self.frames.append(self.frame)
            self.truths.append(self.info)

    @property
    def over(self) -> bool:
        return self.error is not None or bool(self.info.get("success"))

    def result(self, suite: Suite) -> Episode:
        known = self.error is None
        return Episode(
            key=self.task.key,
            success=known and bool(self.info.get("success")),
            steps=self.steps,
            error=self.error,
            frames=tuple(self.frames),
            truths=tuple(self.truths),
            actions=tuple(self.actions),
            measures=suite.measures(self.environment, self.info) if known else {},
        )


@dataclass(frozen=True)
class Run:
    """What an agent did on all tasks.

    Attributes:
        agent: its name.
        episodes: in the order of the tasks.
        seconds: that it took to decide, per step and episode; mean over all.
    """

    agent: str
    episodes: tuple[Episode, ...]
    seconds: float

    @property
    def successes(self) -> int:
        """Episodes that reached the goal."""
        return sum(episode.success for episode in self.episodes)


def run_episodes(
    suite: Suite,
    tasks: Sequence[Task],
    agent: Agent,
    *,
    max_steps: int,
    keep: int = 0,
    progress: Callable[[int, int], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Run:
    """Let an agent act on all tasks side by side, until they are solved or the steps are used up.

    An environment that fails ends its own episode, which is recorded as failed with what it said.

    Args:
        suite: of environments.
        tasks: starts and goals.
        agent: acts.
        max_steps: most steps of an episode.
        keep: of so many episodes the frames are kept.
        progress: told how many steps are done, and of how many.
        clock: seconds since any moment.
    """
    running = [_start(suite, task, number, number < keep) for number, task in enumerate(tasks)]
    every, decided, seconds = list(running), 0, 0.0
    for step in range(max_steps):
        running = [episode for episode in running if not episode.over]
        if not running:
            break
        began = clock()
        actions = agent.act(_moment(suite, running, step))
        seconds += clock() - began
        decided += len(running)
        for episode, action in zip(running, actions.double().cpu().numpy(), strict=True):
            _advance(episode, action)
        if progress is not None:
            progress(step + 1, max_steps)
    episodes = tuple(episode.result(suite) for episode in every)
    return Run(agent.name, episodes, seconds / max(decided, 1))


def _start(suite: Suite, task: Task, number: int, keep: bool) -> _Running:  # noqa: FBT001
    episode = _Running(number, task, suite.make(), keep)
    try:
        episode.frame, episode.info = episode.environment.reset(options=task.options)
        episode.note()
    except Exception as error:  # whatever a foreign environment raises ends its episode alone
        episode.error = _told(error)
    return episode


def _advance(episode: _Running, action: Any) -> None:
    try:
        observed = episode.environment.step(action.astype(np.float32))
    except Exception as error:  # as above
        episode.error = _told(error)
        return
    episode.frame, *_, episode.info = observed
    episode.steps += 1
    if episode.keep:
        episode.actions.append(tuple(action.tolist()))
    episode.note()


def _told(error: Exception) -> str:
    """What was raised, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"


def _moment(suite: Suite, running: Sequence[_Running], step: int) -> Moment:
    def stacked(pictures: Sequence[Any]) -> Tensor:
        return torch.from_numpy(np.stack([np.asarray(picture, np.uint8) for picture in pictures]))

    states: Float[Tensor, "p s"] = torch.tensor(
        [list(suite.proprio(episode.info)) for episode in running], dtype=torch.float32
    ).reshape(len(running), -1)
    return Moment(
        step=step,
        episodes=tuple(episode.number for episode in running),
        frames=stacked([episode.frame for episode in running]),
        goals=stacked([suite.goal(episode.environment) for episode in running]),
        states=states,
        truth=tuple(
            episode.info | {"goal": episode.task.options.get("goal")} for episode in running
        ),
    )
