"""The push world as a gymnasium environment whose observation is a picture."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from worlds.push.goals import sample_task
from worlds.push.picture import draw, with_goal
from worlds.push.state import Floats, check_state, random_state
from worlds.push.success import reached
from worlds.push.world import STEP_SECONDS, PushWorld

RENDER_SIZE = 256  # pixels


class PushEnv(gymnasium.Env[NDArray[np.uint8], NDArray[np.float32]]):
    """Push the T-shaped block into its pose in the goal picture.

    An action is the pusher's velocity in [-1, 1]^2, times 0.5 m/s, held for 0.2 s. The observation
    is a frame ``(size, size, 3)``; it does not show the goal, which ``goal_frame`` does. ``info``
    has ``state`` (see :mod:`worlds.push.state`), ``labels`` (uint8: 0 background, 1 pusher, 2
    block) and ``success``. The reward is 1 with success, else 0; success ends the episode: the
    block's centre is within 20/512 m and its angle within pi/9 of the goal's, see
    :func:`worlds.push.success.reached`.

    Args:
        size: height and width of the observation in pixels.
        max_steps: the episode is cut off after so many steps; None never.
        goal_steps: steps of control from start to goal of the tasks that :meth:`reset` draws.
        render_mode: ``rgb_array`` or None.

    Attributes:
        goal_state: ``(5,)``.
        goal_frame: picture of it, as large as an observation.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  (so the base class has it)
        "render_modes": ["rgb_array"],
        "render_fps": round(1 / STEP_SECONDS),
    }

    def __init__(
        self,
        *,
        size: int = 64,
        max_steps: int | None = 100,
        goal_steps: int = 10,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode must be 'rgb_array' or None, came {render_mode!r}.")
        self.size = size
        self.max_steps = max_steps
        self.goal_steps = goal_steps
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Box(0, 255, (size, size, 3), np.uint8)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.world = PushWorld()
        self.goal_state: Floats = np.zeros(5)
        self.goal_frame = np.zeros((size, size, 3), np.uint8)
        self._state: Floats | None = None
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: of the task and of the tasks drawn by later resets without a seed; task ``seed``
                is that of :func:`worlds.push.goals.sample_task`.
            options: ``state`` and ``goal``, states ``(5,)``. What is missing is drawn.

        Raises:
            ValueError: an unknown option, or a state that cannot be.
        """
        super().reset(seed=seed)
        given = options or {}
        if unknown := sorted(set(given) - {"state", "goal"}):
            raise ValueError(f"Unknown options {unknown}; 'state' and 'goal' can be set.")
        start, goal = given.get("state"), given.get("goal")
        if goal is None:
            task = sample_task(
                self.np_random, world=self.world, start=start, goal_steps=self.goal_steps
            )
            start, goal = task.start, task.goal
        self._state = random_state(self.np_random) if start is None else check_state(start)
        self.goal_state = check_state(goal)
        self.goal_frame = draw(self.goal_state[None], size=self.size)[0][0]
        self._steps = 0
        return self._observe()

    def step(
        self, action: ArrayLike
    ) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """One step of control, 0.2 s.

        Raises:
            ValueError: an action that is not two finite numbers.
            RuntimeError: no episode was started.
        """
        self._state = self.world.step(self._now(), action)
        self._steps += 1
        frame, info = self._observe()
        success = info["success"]
        truncated = self.max_steps is not None and self._steps >= self.max_steps
        return frame, float(success), success, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """The table at 256 pixels, with the outline of the block in the goal state."""
        if self.render_mode is None:
            return None
        frames, _ = draw(self._now()[None], size=RENDER_SIZE)
        return with_goal(frames[0], self.goal_state)

    def _now(self) -> Floats:
        if self._state is None:
            raise RuntimeError("Call reset before step and render.")
        return self._state

    def _observe(self) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        state = self._now()
        frames, labels = draw(state[None], size=self.size)
        success = bool(reached(state, self.goal_state))
        return frames[0], {"state": state.copy(), "labels": labels[0], "success": success}
