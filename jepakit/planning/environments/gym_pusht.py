"""gym-pusht's Push-T: an action is where the pusher should go, and goals are pictures."""

from __future__ import annotations

from typing import Any

import gym_pusht
import gym_pusht.envs
import numpy as np
import pymunk
from numpy.typing import NDArray

from jepakit.actions import ActionSpace
from jepakit.planning.environments.push_t import TABLE, PushTable, PushTableSuite, in_pose
from jepakit.planning.environments.restorable import Floats

# A spring and damper pull the pusher, by a quarter of the way in a step from rest: its place
# afterwards depends on its velocity too, so that no change of a state is declared.
TARGETS = ActionSpace(("target_x", "target_y"), (0.0, 0.0), (float(TABLE), float(TABLE)))


class GymPushTable(PushTable):
    """``gym_pusht/PushT-v0`` at 512 pixels, 10 steps a second."""

    def __init__(self) -> None:
        self._env: Any = gym_pusht.envs.PushTEnv(
            obs_type="state", observation_width=TABLE, observation_height=TABLE
        )
        self._env.reset(options={"reset_to_state": np.zeros(5)})

    @property
    def state(self) -> Floats:
        """Of pusher and block; the block's angle in [0, 2 pi)."""
        block = self._env.block
        angle = block.angle % (2 * np.pi)
        return np.array([*self._env.agent.position, *block.position, angle])

    def restore(self, state: Floats) -> None:
        """Where it should be, unlike ``reset_to_state``.

        That one sets the position first and then turns the block around its centre of gravity c,
        by which the position moves on: p becomes p + c - R(angle) c.
        """
        x, y = self._env.block.center_of_gravity
        cos, sin = np.cos(state[4]), np.sin(state[4])
        moved = np.array([x - (cos * x - sin * y), y - (sin * x + cos * y)])
        asked = np.concatenate([state[:2], state[2:4] - moved, state[4:5]])
        self._env.reset(options={"reset_to_state": asked})

    def act(self, action: NDArray[np.float32]) -> None:
        """Pull the pusher to the action for 0.1 s."""
        self._env.step(action.astype(np.float64).clip(0, TABLE))

    def picture(self) -> NDArray[np.uint8]:
        """As the package draws it."""
        self._env.obs_type = "pixels"  # drawn only where it is asked for
        picture: NDArray[np.uint8] = self._env.get_obs()
        self._env.obs_type = "state"
        return picture

    def towards(self, point: Floats) -> Floats:
        """The point."""
        return point


class PushTSuite(PushTableSuite):
    """Push-T of gym-pusht; see :class:`PushTableSuite`."""

    name = "gym-pusht"
    actions = TARGETS
    source = (gym_pusht, pymunk)

    def __init__(self, *, size: int = 64, goal_steps: int = 10) -> None:
        super().__init__(size=size, goal_steps=goal_steps)
        if not hasattr(pymunk.Space, "add_collision_handler"):
            raise ValueError(
                f"gym-pusht needs pymunk 6, {pymunk.version} is installed, such as swm-pusht "
                "needs: keep them apart, pip install 'jepakit[envs]'."
            )

    def simulator(self) -> GymPushTable:
        """A table."""
        return GymPushTable()

    def reached(self, state: Floats, goal: Floats) -> bool:
        """Whether the block is within 20 px and pi/9 of its pose in the goal."""
        return in_pose(state, goal)
