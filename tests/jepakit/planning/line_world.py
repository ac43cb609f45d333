"""A world that can be followed by hand: a point whose place is the colour of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest
from jepakit.planning.environments import Suite
from jepakit.planning.episode import Task
from jepakit.planning.plan import Cost

SPACE = ActionSpace(("x", "y"), (-1.0, -1.0), (1.0, 1.0), ("px", "py"))
STEP = 10.0
NEAR = 8.0


def picture(place: Any) -> np.ndarray:
    frame = np.zeros((4, 4, 3), np.uint8)
    frame[..., :2] = np.asarray(place).round().clip(0, 255)
    return frame


class LineEnv:
    """``place <- place + 10 action``; fails when it is told to."""

    def reset(self, *, options: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        self.place, self.goal = np.array(options["start"], float), np.array(options["goal"], float)
        self.fails_at, self.steps = options.get("fails_at"), 0
        return self._observe()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        assert action.dtype == np.float32
        self.place = self.place + STEP * action
        self.steps += 1
        frame, info = self._observe()
        return frame, 0.0, info["success"], False, info

    def _observe(self) -> tuple[np.ndarray, dict[str, Any]]:
        if self.fails_at == self.steps:
            raise RuntimeError("the table broke")
        near = bool(np.abs(self.place - self.goal).max() < NEAR)
        return picture(self.place), {"place": self.place.copy(), "success": near}


class LineSuite(Suite):
    """Starts at (100, 100), goals 30 to 50 away along each axis."""

    name = "line"
    actions = SPACE

    def make(self) -> LineEnv:
        return LineEnv()

    def tasks(self, count: int, seed: int) -> list[Task]:
        made = []
        for number in range(count):
            rng = np.random.default_rng((seed, number))
            way = rng.uniform(30, 50, 2) * rng.choice([-1, 1], 2)
            options = {"start": np.array([100.0, 100.0]), "goal": 100.0 + way}
            made.append(Task(f"line-{seed}-{number}", options))
        return made

    def goal(self, environment: Any) -> np.ndarray:
        return picture(environment.goal)

    def proprio(self, info: dict[str, Any]) -> Sequence[float]:
        return info["place"].tolist()

    def measures(self, environment: Any, info: dict[str, Any]) -> dict[str, float]:
        return {"apart": float(np.abs(info["place"] - environment.goal).max())}

    def true_cost(self, truths: Sequence[Any]) -> Cost:
        def cost(actions: Tensor) -> Tensor:
            rows = [
                (torch.tensor(t["place"] - t["goal"]) + STEP * plans.sum(dim=1)).square().sum(dim=1)
                for t, plans in zip(truths, actions.double(), strict=True)
            ]
            return torch.stack(rows).to(actions)

        return cost


@dataclass(frozen=True)
class LineState:
    """One latent, the place."""

    latents: Tensor

    def repeat(self, samples: int) -> LineState:
        return LineState(self.latents.repeat_interleave(samples, dim=0))


class LineModel:
    """Knows the world perfectly; notes what it was started with."""

    def __init__(self) -> None:
        self.started: list[tuple[Tensor, Tensor, Tensor]] = []

    @property
    def actions(self) -> ActionSpace:
        return SPACE

    @property
    def request(self) -> BatchRequest:
        return BatchRequest(frames=4, size=(4, 4), patch=2, tubelet=1)

    def start(self, frames: Tensor, actions: Tensor, states: Tensor) -> LineState:
        self.started.append((frames, actions, states))
        return LineState(self.goal(frames[:, -1]))

    def step(self, state: LineState, action: Tensor) -> LineState:
        return LineState(state.latents + STEP * action.unsqueeze(1))

    def goal(self, frames: Tensor) -> Tensor:
        return frames[:, 0, 0, :2].float().unsqueeze(1)
