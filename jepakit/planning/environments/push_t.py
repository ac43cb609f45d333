"""Push-T tables of 512 pixels, whichever package simulates them: states, pilot and success."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from jepakit.planning.environments.restorable import (
    ATTEMPTS,
    Floats,
    Pilot,
    RestorableSuite,
    Simulator,
)

TABLE = 512  # px
POSITION_TOLERANCE = 20.0  # px
ANGLE_TOLERANCE = np.pi / 9  # rad
LEAD = 60.0
"""Pixels that the pilot aims ahead of the pusher; it moves by half of that in a step."""
KEPT = 1e-3
"""Pixels and rad by which a state may move when it is restored; more do those that overlap."""


class PushTable(Simulator):
    """State: pusher x, y, block x, y in pixels, y down, and the block's angle in rad."""

    @abstractmethod
    def towards(self, point: Floats) -> Floats:
        """The action that aims the pusher at a point."""


class PushTableSuite(RestorableSuite):
    """Bring the T-shaped block into its pose in the goal picture.

    The green T of the pictures stays where the package draws it: the goal picture alone counts.
    """

    def random_state(self, simulator: PushTable, rng: np.random.Generator) -> Floats:
        """Where the packages start too, but nothing in something else.

        Raises:
            RuntimeError: the package restores no state, as may be with another version of it.
        """
        for _ in range(ATTEMPTS):
            places = [*rng.uniform(50, 450, 2), *rng.uniform(100, 400, 2)]
            drawn = np.array([*places, rng.uniform(0, 2 * np.pi)])
            simulator.restore(drawn)
            if np.abs(simulator.state - drawn).max() < KEPT:
                return drawn
        raise RuntimeError(f"{self.name} restored none of {ATTEMPTS} states.")

    def pilot(self, simulator: PushTable, rng: np.random.Generator) -> Pilot:
        """Pushes straight through some point of the block, and on for a while; then another."""
        stroke = _Stroke(simulator, rng)

        def act() -> Floats:
            nonlocal stroke
            if stroke.over:
                stroke = _Stroke(simulator, rng)
            return stroke.action()

        return act

    def changed(self, start: Floats, goal: Floats) -> bool:
        """Whether the block was moved by more than the tolerances."""
        return not in_pose(start, goal)

    def measures(self, environment: Any, info: dict[str, Any]) -> dict[str, float]:
        """Of the block: pixels of 512 and rad to the goal."""
        apart, turn = distances(info["state"], environment.goal_state)
        return {"position_px": apart, "angle_rad": turn}


class _Stroke:
    """One straight push."""

    def __init__(self, simulator: PushTable, rng: np.random.Generator) -> None:
        self.simulator = simulator
        state = simulator.state
        way = state[2:4] + rng.uniform(-40, 40, 2) - state[:2]
        length = float(np.hypot(*way))
        self.direction = way / max(length, 1.0)
        self.end = state[:2] + self.direction * (length + rng.uniform(40, 160))
        self.left = int(rng.integers(8, 20))  # steps; walls may stop it before its end

    @property
    def over(self) -> bool:
        ahead = (self.end - self.simulator.state[:2]) @ self.direction
        return bool(ahead < LEAD / 2 or self.left == 0)

    def action(self) -> Floats:
        self.left -= 1
        aim = self.simulator.state[:2] + LEAD * self.direction
        return self.simulator.towards(aim.clip(20, TABLE - 20))


def in_pose(state: Floats, goal: Floats) -> bool:
    """Whether the block is within 20 px and pi/9 of its pose in the goal, wherever the pusher is.

    Source: DINO-WM, arXiv 2411.04983. Differs: there the pusher's place counts too.
    """
    apart, turn = distances(state, goal)
    return apart < POSITION_TOLERANCE and turn < ANGLE_TOLERANCE


def distances(state: Floats, goal: Floats) -> tuple[float, float]:
    """How far the block is from its pose in ``goal``: pixels, and rad in [0, pi]."""
    off = state - goal
    turn = abs((off[4] + np.pi) % (2 * np.pi) - np.pi)
    return float(np.hypot(off[2], off[3])), float(turn)
