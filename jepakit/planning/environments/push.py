"""The embedded push world: tasks that the scripted pusher solved, and an oracle that knows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

import worlds.physics
import worlds.push
import worlds.raster
import worlds.scene
from jepakit.actions import PUSH
from jepakit.planning.environments.suite import Suite
from jepakit.planning.episode import Task
from jepakit.planning.plan import Cost
from worlds.push import (
    ANGLE_TOLERANCE,
    POSITION_TOLERANCE,
    PushEnv,
    PushWorld,
    distances,
    draw,
    random_state,
    sample_task,
)

PUSHER_WEIGHT = 0.3
"""Of the pusher's distance to its place in the goal, in tolerances of the block's."""
DRAWN = 64
"""Pictures that are drawn at once."""


class PushSuite(Suite):
    """Bring the T-shaped block into its pose in the goal picture; see :class:`worlds.push.PushEnv`.

    Args:
        size: height and width of the pictures in pixels.
        goal_steps: steps of control that the scripted pusher took from start to goal.
    """

    name = "push"
    source = (worlds.push, worlds.physics, worlds.raster, worlds.scene)

    def __init__(self, *, size: int = 64, goal_steps: int = 10) -> None:
        self.size, self.goal_steps = size, goal_steps
        self.actions = PUSH

    def make(self) -> PushEnv:
        """A table."""
        return PushEnv(size=self.size, max_steps=None)

    def tasks(self, count: int, seed: int) -> list[Task]:
        """The block of each is moved by more than the tolerances between start and goal."""
        made, world = [], PushWorld()
        for number in range(count):
            rng = np.random.default_rng((seed, number))
            task = sample_task(rng, world=world, goal_steps=self.goal_steps)
            options = {"state": task.start, "goal": task.goal}
            made.append(Task(f"push-{seed}-{number:04d}", options))
        return made

    def goal(self, environment: Any) -> NDArray[np.uint8]:
        """The block and the pusher where the scripted pusher left them."""
        return environment.goal_frame

    def proprio(self, info: dict[str, Any]) -> Sequence[float]:
        """Place of the pusher in metres."""
        return info["state"][:2].tolist()

    def measures(self, environment: Any, info: dict[str, Any]) -> dict[str, float]:
        """Of the block: metres and rad to the goal."""
        shift, turn = distances(info["state"], environment.goal_state)
        return {"position_m": float(shift), "angle_rad": float(turn)}

    def sample_frames(self, count: int, seed: int) -> NDArray[np.uint8]:
        """Tables with pusher and block anywhere."""
        rng = np.random.default_rng((seed, count))
        states = np.stack([random_state(rng) for _ in range(count)])
        parts = range(0, count, DRAWN)
        return np.concatenate([draw(states[i : i + DRAWN], size=self.size)[0] for i in parts])

    def true_cost(self, truths: Sequence[Any]) -> Cost:
        """Distance of block and pusher from the goal at the end of a plan, in tolerances."""
        world = PushWorld()

        def cost(actions: Float[Tensor, "p s h a"]) -> Float[Tensor, "p s"]:
            rows = []
            for truth, plans in zip(truths, actions.double().cpu().numpy(), strict=True):
                ends = world.play(truth["state"], plans)[:, -1]
                shift, turn = distances(ends, truth["goal"])
                apart = np.hypot(*(ends[:, :2] - truth["goal"][:2]).T)
                rows.append(
                    shift / POSITION_TOLERANCE
                    + turn / ANGLE_TOLERANCE
                    + PUSHER_WEIGHT * apart / POSITION_TOLERANCE
                )
            return torch.from_numpy(np.stack(rows)).to(actions)

        return cost
