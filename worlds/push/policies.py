"""Who pushes: a wanderer, one who pushes at random, and one who wants the block in a goal state.

Each is called with a state and returns an action. They remember what they are doing, so that a new
episode needs a new policy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from worlds.push.state import Floats, random_state
from worlds.push.strokes import Course, Stroke, random_stroke
from worlds.push.success import ANGLE_TOLERANCE, POSITION_TOLERANCE, distances, reached
from worlds.push.table import HIGH, LOW
from worlds.push.world import MAX_TRAVEL, PushWorld

ATTEMPTS = 40  # strokes drawn until there is a way to one

Policy = Callable[[Floats], Floats]


class RandomPolicy:
    """Wanders: a velocity that drifts, changes now and then, and turns back at the edge.

    Args:
        rng: source of all randomness.
        change: probability of a new velocity in a step.
    """

    def __init__(self, rng: np.random.Generator, *, change: float = 0.15) -> None:
        self._rng = rng
        self._change = change
        self._wanted = rng.uniform(-1.0, 1.0, 2)
        self._action = self._wanted.copy()

    def __call__(self, state: Floats) -> Floats:
        """The next action."""
        if self._rng.random() < self._change:
            self._wanted = self._rng.uniform(-1.0, 1.0, 2)
        outwards = (state[:2] < LOW + MAX_TRAVEL) & (self._wanted < 0)
        outwards |= (state[:2] > HIGH - MAX_TRAVEL) & (self._wanted > 0)
        self._wanted = np.where(outwards, -self._wanted, self._wanted)
        self._action += 0.5 * (self._wanted - self._action)
        return self._action.copy()


class PushPolicy:
    """Walks to a random side of the block, pushes through it for a random distance, repeats."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._course: Course | None = None

    def __call__(self, state: Floats) -> Floats:
        """The next action; zero where the pusher is shut in."""
        action = None if self._course is None else self._course.action(state)
        if action is None:
            self._course = self._next(state)
            action = None if self._course is None else self._course.action(state)
        return np.zeros(2) if action is None else action

    def _next(self, state: Floats) -> Course | None:
        for _ in range(ATTEMPTS):
            stroke = random_stroke(state, self._rng)
            course = stroke and Course.of(state, stroke, speed=self._rng.uniform(0.6, 1.0))
            if course:
                return course
        return None


class ExpertPolicy:
    """Tries strokes in a world of its own and carries out the one after which the goal is nearest.

    Args:
        goal: state ``(5,)`` in which the block should be; None draws one after the other.
        rng: source of all randomness.
        noise: standard deviation of what is added to each action.
        strokes: how many are tried.
    """

    def __init__(
        self,
        goal: Floats | None,
        rng: np.random.Generator,
        *,
        noise: float = 0.1,
        strokes: int = 48,
    ) -> None:
        self._goal = random_state(rng) if goal is None else goal
        self._restless = goal is None
        self._rng = rng
        self._noise = noise
        self._strokes = strokes
        self._world = PushWorld()
        self._course: Course | None = None

    def __call__(self, state: Floats) -> Floats:
        """The next action; zero, without noise, while the block is at a given goal."""
        if reached(state, self._goal):
            if not self._restless:
                return np.zeros(2)
            self._goal, self._course = random_state(self._rng), None
        action = None if self._course is None else self._course.action(state)
        if action is None:
            self._course = self._next(state)
            action = None if self._course is None else self._course.action(state)
        wanted = np.zeros(2) if action is None else action
        return (wanted + self._noise * self._rng.standard_normal(2)).clip(-1.0, 1.0)

    def _next(self, state: Floats) -> Course | None:
        drawn = [random_stroke(state, self._rng) for _ in range(self._strokes)]
        tried = [self._tried(state, stroke) for stroke in drawn if stroke is not None]
        for _, stroke in sorted(tried, key=lambda pair: pair[0]):
            course = Course.of(state, stroke)
            if course:
                return course
        return None

    def _tried(self, state: Floats, stroke: Stroke) -> tuple[float, Stroke]:
        """Tolerances between block and goal after the best part of a stroke, and that part."""
        pushed = stroke.play(self._world, state)
        far, turn = distances(pushed, self._goal)
        cost = far / POSITION_TOLERANCE + turn / ANGLE_TOLERANCE
        best = int(cost[1:].argmin()) + 1
        return float(cost[best]), stroke.ending_at(pushed[best, :2])
