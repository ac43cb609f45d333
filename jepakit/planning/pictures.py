"""What is shown of an evaluation: episodes, imagined beside real futures, and energy landscapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from jepakit.planning.closed_loop import Run
from jepakit.planning.environments.suite import Suite
from jepakit.planning.episode import Episode, Task
from jepakit.planning.objectives import GoalDistance
from jepakit.planning.planner import LatentPlanner
from jepakit.planning.rollout import imagine
from jepakit.planning_pictures import Imagined, Landscape, Pictures, Reel

GRID = 21  # values of either number of an action
BANK = 2000  # frames
STEPS = (1, 3)  # of a constant action
CHUNK = 64  # frames that are encoded at once
CANDIDATES = 4096  # actions that are imagined at once
TRIES = 10  # moments that a landscape is taken of


@dataclass(frozen=True)
class PictureMaker:
    """Takes the pictures of finished runs.

    Attributes:
        suite: of the environments.
        planner: of the model.
        distance: of latents, without regard to actions.
        device: of the model.
        seed: of the plans and of the bank.
        plans: first plans that are shown.
        bank: frames that the nearest is looked for in.
        limit: most steps that the model can imagine after one frame; None without a limit.
    """

    suite: Suite
    planner: LatentPlanner
    distance: GoalDistance
    device: torch.device
    seed: int = 0
    plans: int = 2
    bank: int = BANK
    limit: int | None = None

    @torch.no_grad()
    def make(self, tasks: Sequence[Task], runs: Sequence[Run]) -> Pictures:
        """All there is; episodes without kept frames and environments that fail are left out."""
        kept = [(run, n, e) for run in runs for n, e in enumerate(run.episodes) if e.frames]
        good = [(run, number, episode) for run, number, episode in kept if episode.error is None]
        if not good:
            return Pictures(distance=self.distance.kind)
        shown = [(n, tasks[n]) for run, n, _ in good if run is runs[0]][: self.plans]
        bank = self.suite.sample_frames(self.bank, self.seed) if shown else None
        told = "" if bank is None else f"{len(bank):,} random states of {self.suite.name}"
        return Pictures(
            reels=tuple(self._reel(run, tasks[number], episode) for run, number, episode in good),
            imagined=tuple(self.imagined(number, task, bank) for number, task in shown),
            bank=told,
            distance=self.distance.kind,
            landscapes=self._landscapes(tasks, good),
        )

    def imagined(self, number: int, task: Task, bank: UInt8[ndarray, "m h w 3"] | None) -> Imagined:
        """The plan that the agent makes at the start of an episode, and what it leads to.

        Args:
            number: of the episode, a part of the plan's seed.
            task: its start and goal.
            bank: real frames; None looks for no nearest one.
        """
        environment = self.suite.make()
        frame, info = environment.reset(options=task.options)
        picture = self.suite.goal(environment)
        state, goal = self._start(frame, info), self._latents(picture[None])
        seeds = [(self.seed, number, 0)]
        plan = self.planner.plan(state, goal.to(self.device), seeds=seeds).actions
        frames = _play(environment, plan[0].cpu().numpy(), frame)
        steps = imagine(self.planner.model, state, plan.unsqueeze(1))
        expected = torch.cat([state.latents.cpu(), *(latents[:, 0].cpu() for latents in steps)])
        return Imagined(
            task=task.key,
            goal=np.asarray(picture),
            real=frames,
            nearest=None if bank is None else bank[self._nearest(expected, bank)],
            real_distance=self._to(goal, self._latents(frames)),
            imagined_distance=self._to(goal, expected),
        )

    def landscape(
        self, task: Task, before: Sequence[Sequence[float]], action: Sequence[float], *, steps: int
    ) -> Landscape | None:
        """How far from its goal the model expects every constant action to lead.

        The goal is the picture after ``steps`` times ``action``; numbers of an action beyond the
        two that are varied keep its values.

        Args:
            task: where the episode starts.
            before: actions that were done in it.
            action: what leads to the goal.
            steps: how often.

        Returns:
            None where the episode ends before that.
        """
        environment = self.suite.make()
        frame, info = environment.reset(options=task.options)
        for past in before:
            frame, _, _, _, info = environment.step(np.asarray(past, np.float32))
        frames = _play(environment, np.tile(np.asarray(action, np.float32), (steps, 1)), frame)
        if len(frames) <= steps:
            return None
        space = self.suite.actions
        columns, rows = (np.linspace(space.low[i], space.high[i], GRID) for i in (0, 1))
        grid = torch.tensor(action, dtype=torch.float32).repeat(GRID, GRID, 1)
        grid[..., 0], grid[..., 1] = torch.tensor(columns)[None], torch.tensor(rows)[:, None]
        candidates = grid.flatten(0, 1)[None, :, None].expand(-1, -1, steps, -1)
        state, goal = self._start(frame, info), self._latents(frames[-1:]).to(self.device)
        parts = [
            [*imagine(self.planner.model, state, part.to(self.device))][-1]
            for part in candidates.split(CANDIDATES, dim=1)
        ]
        distance = torch.cat([self.distance.distance(part, goal) for part in parts], dim=1)
        return Landscape(
            names=(space.names[0], space.names[1]),
            columns=columns,
            rows=rows,
            distance=distance.view(GRID, GRID).cpu().double().numpy(),
            steps=steps,
            action=(float(action[0]), float(action[1])),
            start=np.asarray(frame),
            goal=frames[-1],
        )

    def _landscapes(
        self, tasks: Sequence[Task], kept: Sequence[tuple[Run, int, Episode]]
    ) -> tuple[Landscape, ...]:
        """Of the moment of all kept episodes at which a single action changed the picture most.

        The next such moment is taken where an episode would be over before the last step.
        """
        moments = [
            (_change(episode, step), number, step, episode)
            for _, number, episode in kept
            for step in range(len(episode.actions))
        ]
        reachable = [k for k in STEPS if self.limit is None or k <= self.limit]
        if len(self.suite.actions) < 2 or not reachable:
            return ()
        for _, number, step, episode in sorted(moments, key=lambda moment: -moment[0])[:TRIES]:
            given = tasks[number], episode.actions[:step], episode.actions[step]
            longest = self.landscape(*given, steps=reachable[-1])
            if longest is not None:
                shorter = [self.landscape(*given, steps=k) for k in reachable[:-1]]
                return (*(found for found in shorter if found is not None), longest)
        return ()

    def _reel(self, run: Run, task: Task, episode: Episode) -> Reel:
        environment = self.suite.make()
        environment.reset(options=task.options)
        goal = np.asarray(self.suite.goal(environment))
        return Reel(run.agent, task.key, episode.success, np.stack(episode.frames), goal)

    def _start(self, frame: Any, info: dict[str, Any]) -> Any:
        """The model's state of an episode that has just begun."""
        model = self.planner.model
        pictures = torch.from_numpy(np.array(frame, np.uint8))[None, None]
        states = torch.tensor([[list(self.suite.proprio(info))]], dtype=torch.float32)
        done = torch.zeros(1, 0, len(model.actions), device=self.device)
        seen = states[..., : model.actions.states].to(self.device)
        return model.start(pictures.to(self.device), done, seen)

    def _latents(self, frames: UInt8[ndarray, "t h w 3"]) -> Float[Tensor, "t n d"]:
        parts = torch.from_numpy(np.array(frames, np.uint8)).split(CHUNK)
        return torch.cat([self.planner.model.goal(part.to(self.device)).cpu() for part in parts])

    def _to(
        self, goal: Float[Tensor, "1 n d"], latents: Float[Tensor, "t n d"]
    ) -> Float[ndarray, " t"]:
        return self.distance.distance(latents[None], goal)[0].double().numpy()

    def _nearest(self, latents: Float[Tensor, "t n d"], bank: UInt8[ndarray, "m h w 3"]) -> ndarray:
        """For each latent the number of the bank's frame at the smallest Euclidean distance."""
        parts = [bank[first : first + CHUNK] for first in range(0, len(bank), CHUNK)]
        wanted = latents.flatten(1)
        apart = [torch.cdist(wanted, self._latents(part).flatten(1)) for part in parts]
        return torch.cat(apart, dim=1).argmin(dim=1).numpy()


def _play(environment: Any, actions: ndarray, first: Any) -> UInt8[ndarray, "t h w 3"]:
    """What the camera sees of some actions, ``first`` included; ends with the episode."""
    frames = [np.asarray(first)]
    for action in actions:
        frame, _, ended, cut, _ = environment.step(np.asarray(action, np.float32))
        frames.append(np.asarray(frame))
        if ended or cut:
            break
    return np.stack(frames)


def _change(episode: Episode, step: int) -> float:
    """Mean absolute difference of the pictures before and after an action, in grey levels."""
    before, after = episode.frames[step], episode.frames[step + 1]
    return float(np.abs(np.asarray(after, np.float32) - before).mean())
