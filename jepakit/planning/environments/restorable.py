"""Foreign simulators that can be set to a state, as environments with starts and goal pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from jepakit.planning.environments.suite import Suite
from jepakit.planning.episode import Task

Floats = NDArray[np.float64]
Pilot = Callable[[], Floats]
"""The next action of one who moves things about."""

ATTEMPTS = 200


class Simulator(ABC):
    """What an adapter makes of a foreign environment."""

    @property
    @abstractmethod
    def state(self) -> Floats:
        """All that is told of the present, in the simulator's own units."""

    @abstractmethod
    def restore(self, state: Floats) -> None:
        """Put everything to its place in ``state``, at rest."""

    @abstractmethod
    def act(self, action: NDArray[np.float32]) -> None:
        """One step of control."""

    @abstractmethod
    def picture(self) -> NDArray[np.uint8]:
        """The present, ``(h, w, 3)`` of any size."""


class GoalEnv:
    """An environment whose task is to bring a simulator from one state to another.

    ``info`` has ``state`` and ``success``. Success ends the episode; time never does.

    Args:
        simulator: of its own.
        reached: whether a state, the first, is good enough for a goal, the second.
        size: height and width of the pictures in pixels.

    Attributes:
        goal_state: that is to be reached.
        goal_frame: picture of it, as large as an observation.
    """

    def __init__(
        self, simulator: Simulator, reached: Callable[[Floats, Floats], bool], *, size: int
    ) -> None:
        self.simulator, self.reached, self.size = simulator, reached, size
        self.goal_state: Floats | None = None
        self.goal_frame = np.zeros((size, size, 3), np.uint8)

    def reset(
        self, *, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Start an episode.

        Args:
            options: states ``state`` and ``goal``.

        Raises:
            ValueError: other options, or none.
        """
        given = options or {}
        if set(given) != {"state", "goal"}:
            raise ValueError(f"Options 'state' and 'goal' expected, came {sorted(given)}.")
        self.goal_state = np.array(given["goal"], np.float64)
        self.simulator.restore(self.goal_state)
        self.goal_frame = area_resized(self.simulator.picture(), self.size)
        self.simulator.restore(np.array(given["state"], np.float64))
        return self._observe(self.goal_state)

    def step(
        self, action: ArrayLike
    ) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """One step of control; the reward is 1 with success, else 0.

        Raises:
            ValueError: an action that is not finite.
            RuntimeError: no episode was started.
        """
        if self.goal_state is None:
            raise RuntimeError("Call reset before step.")
        given = np.asarray(action, np.float32)
        if not np.isfinite(given).all():
            raise ValueError(f"An action must be finite, came {given.tolist()}.")
        self.simulator.act(given)
        frame, info = self._observe(self.goal_state)
        return frame, float(info["success"]), info["success"], False, info

    def _observe(self, goal: Floats) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        state = self.simulator.state
        frame = area_resized(self.simulator.picture(), self.size)
        return frame, {"state": state, "success": bool(self.reached(state, goal))}


class RestorableSuite(Suite):
    """Tasks whose goal is what a pilot left behind, so that it can be reached.

    Args:
        size: height and width of the pictures in pixels.
        goal_steps: steps of control that the pilot took from start to goal.
    """

    def __init__(self, *, size: int = 64, goal_steps: int = 10) -> None:
        self.size, self.goal_steps = size, goal_steps

    @abstractmethod
    def simulator(self) -> Simulator:
        """A new one."""

    @abstractmethod
    def random_state(self, simulator: Any, rng: np.random.Generator) -> Floats:
        """A state at rest that the simulator can be restored to."""

    @abstractmethod
    def pilot(self, simulator: Any, rng: np.random.Generator) -> Pilot:
        """Moves things about from the simulator's present on."""

    @abstractmethod
    def reached(self, state: Floats, goal: Floats) -> bool:
        """Whether a state is good enough for a goal."""

    @abstractmethod
    def changed(self, start: Floats, goal: Floats) -> bool:
        """Whether there is something to do."""

    def make(self) -> GoalEnv:
        """One with a simulator of its own."""
        return GoalEnv(self.simulator(), self.reached, size=self.size)

    def tasks(self, count: int, seed: int) -> list[Task]:
        """There is something to do in all of them.

        Raises:
            ValueError: the pilot leaves nothing changed in ``goal_steps``.
        """
        simulator, made = self.simulator(), []
        for number in range(count):
            start, goal = self._task(simulator, np.random.default_rng((seed, number)))
            options = {"state": start, "goal": goal}
            made.append(Task(f"{self.name}-{seed}-{number:04d}", options))
        return made

    def goal(self, environment: Any) -> NDArray[np.uint8]:
        """Everything where the pilot left it, at rest."""
        return environment.goal_frame

    def proprio(self, info: dict[str, Any]) -> Sequence[float]:
        """Place of the agent: the first two numbers of every state here."""
        return info["state"][:2].tolist()

    def sample_frames(self, count: int, seed: int) -> NDArray[np.uint8]:
        """Everything anywhere."""
        rng, simulator = np.random.default_rng((seed, count)), self.simulator()
        frames = []
        for _ in range(count):
            simulator.restore(self.random_state(simulator, rng))
            frames.append(area_resized(simulator.picture(), self.size))
        return np.stack(frames)

    def _task(self, simulator: Simulator, rng: np.random.Generator) -> tuple[Floats, Floats]:
        for _ in range(ATTEMPTS):
            start = self.random_state(simulator, rng)
            simulator.restore(start)
            pilot = self.pilot(simulator, rng)
            for _ in range(self.goal_steps):
                simulator.act(pilot().astype(np.float32))
            simulator.restore(simulator.state)  # what comes to rest there is the goal
            goal = simulator.state
            if self.changed(start, goal):
                return start, goal
        raise ValueError(
            f"No goal of {self.name} {self.goal_steps} steps away found in {ATTEMPTS} attempts; "
            "allow more goal_steps."
        )


def area_resized(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A picture ``(size, size, 3)``, each pixel the mean of those that it covers."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.array(image.resize((size, size), Image.Resampling.BOX))
