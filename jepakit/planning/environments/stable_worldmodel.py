"""Push-T and TwoRoom of stable-worldmodel, with their own criteria of success."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymunk
import stable_worldmodel.envs.pusht.env
import stable_worldmodel.envs.two_room.env
from numpy.typing import NDArray

from jepakit.actions import ActionSpace, StateChange
from jepakit.planning.environments.push_t import (
    ANGLE_TOLERANCE,
    POSITION_TOLERANCE,
    TABLE,
    PushTable,
    PushTableSuite,
    distances,
)
from jepakit.planning.environments.restorable import Floats, Pilot, RestorableSuite, Simulator

REACH = 100.0  # px, that an action of 1 aims ahead of the pusher
LOW, HIGH = 21.0, 203.0  # px, of the dot's centre in its rooms
DOOR = (112.0, 49.0)  # px
WALL = 20.0  # px from its middle that the dot's centre keeps in a room
SPEED = 5.0  # px a step along each axis
NEAR = 16.0  # px

# A spring and damper pull the pusher, so that its place depends on its velocity too.
OFFSETS = ActionSpace(("dx", "dy"), (-1.0, -1.0), (1.0, 1.0))
STEPS = ActionSpace(
    names=("dx", "dy"),
    low=(-1.0, -1.0),
    high=(1.0, 1.0),
    state_names=("x", "y"),
    changes=(StateChange((0, 1), (0, 1), scale=SPEED, low=LOW, high=HIGH),),
)


class SwmPushTable(PushTable):
    """``swm/PushT-v1`` at 512 pixels, 10 steps a second, without variations."""

    def __init__(self) -> None:
        self._env: Any = stable_worldmodel.envs.pusht.env.PushT(resolution=TABLE)

    @property
    def state(self) -> Floats:
        """Of pusher and block."""
        return self._env._get_obs()[:5]

    def restore(self, state: Floats) -> None:
        """By its reset, with velocities of zero."""
        full = np.concatenate([state, np.zeros(2)])
        self._env.reset(options={"variation": (), "state": full, "goal_state": full})

    def act(self, action: NDArray[np.float32]) -> None:
        """Pull the pusher 100 px times the action away for 0.1 s."""
        self._env.step(action.astype(np.float64).clip(-1, 1))

    def picture(self) -> NDArray[np.uint8]:
        """As the package draws it."""
        return self._env.render()

    def towards(self, point: Floats) -> Floats:
        """Relative to the pusher."""
        return ((point - self.state[:2]) / REACH).clip(-1, 1)


class SwmPushTSuite(PushTableSuite):
    """Push-T of stable-worldmodel; see :class:`PushTableSuite`. Here the pusher counts too."""

    name = "swm-pusht"
    actions = OFFSETS
    source = (stable_worldmodel.envs.pusht, pymunk)

    def __init__(self, *, size: int = 64, goal_steps: int = 10) -> None:
        super().__init__(size=size, goal_steps=goal_steps)
        if not hasattr(pymunk.Space, "on_collision"):
            raise ValueError(
                f"swm-pusht needs pymunk 7 or later, {pymunk.version} is installed, such as "
                "gym-pusht needs: keep them apart, pip install 'jepakit[envs-swm]'."
            )

    def simulator(self) -> SwmPushTable:
        """A table."""
        return SwmPushTable()

    def reached(self, state: Floats, goal: Floats) -> bool:
        """Whether pusher and block together are within 20 px, and the block's angle within pi/9.

        Source: ``eval_state`` of the environment, as DINO-WM.
        """
        apart = np.linalg.norm(state[:4] - goal[:4])
        return bool(apart < POSITION_TOLERANCE and distances(state, goal)[1] < ANGLE_TOLERANCE)


class Rooms(Simulator):
    """``swm/TwoRoom-v1`` without variations; state: x and y of the dot in pixels of 224, y down."""

    def __init__(self) -> None:
        self._env: Any = stable_worldmodel.envs.two_room.env.TwoRoomEnv()

    @property
    def state(self) -> Floats:
        """Where the dot is."""
        return self._env.agent_position.double().numpy()

    def restore(self, state: Floats) -> None:
        """By its reset."""
        options = {"variation": (), "state": state, "target_state": state}
        self._env.reset(options=options)

    def act(self, action: NDArray[np.float32]) -> None:
        """Move by 5 px times the action, until a wall."""
        self._env.step(action)

    def picture(self) -> NDArray[np.uint8]:
        """As the package draws it, without the goal."""
        return self._env.render()


class TwoRoomSuite(RestorableSuite):
    """Bring the dot to its place in the goal picture, maybe through the door."""

    name = "swm-tworoom"
    actions = STEPS
    source = (stable_worldmodel.envs.two_room,)

    def simulator(self) -> Rooms:
        """Two rooms."""
        return Rooms()

    def random_state(self, simulator: Rooms, rng: np.random.Generator) -> Floats:  # noqa: ARG002
        """Anywhere in either room."""
        while True:
            place = rng.uniform(LOW, HIGH, 2).astype(np.float32).astype(np.float64)
            if abs(place[0] - DOOR[0]) > WALL:
                return place

    def pilot(self, simulator: Rooms, rng: np.random.Generator) -> Pilot:
        """Goes to some other place, on the shortest way from door to door side."""
        target, start = self.random_state(simulator, rng), simulator.state
        side = WALL * np.sign(np.array([start[0], target[0]]) - DOOR[0])
        way = [target]
        if side[0] != side[1]:
            way = [np.array([DOOR[0] + x, DOOR[1]]) for x in side] + way

        def act() -> Floats:
            if len(way) > 1 and np.abs(simulator.state - way[0]).max() < 1:
                way.pop(0)
            return ((way[0] - simulator.state) / SPEED).clip(-1, 1)

        return act

    def reached(self, state: Floats, goal: Floats) -> bool:
        """Whether the dot is within 16 px, as the environment has it."""
        return bool(np.hypot(*(state - goal)) < NEAR)

    def changed(self, start: Floats, goal: Floats) -> bool:
        """Whether the dot is elsewhere."""
        return not self.reached(start, goal)

    def measures(self, environment: Any, info: dict[str, Any]) -> dict[str, float]:
        """Of the dot: pixels of 224 to the goal."""
        return {"position_px": float(np.hypot(*(info["state"] - environment.goal_state)))}
