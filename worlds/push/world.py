"""Motion of the push world: a step of control is a function of state and action, and of no past.

The pusher moves at the velocity it is told, the block slides ahead of it and stops. Where a wall
stops the block, the block stops the pusher.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worlds.physics import World
from worlds.push.state import Floats, check_state, contact_point, far_apart
from worlds.push.table import BLOCK, HIGH, LOW, PHYSICS_HZ, PUSHER, PUSHER_RADIUS, SKIN, table_scene
from worlds.scene import Point

STEP_SECONDS = 0.2  # s, of one step of control
PHYSICS_STEPS = round(STEP_SECONDS * PHYSICS_HZ)
MAX_SPEED = 0.5  # m/s along each axis, of an action of 1
MAX_TRAVEL = MAX_SPEED * STEP_SECONDS  # m

# Closer than this the pusher comes only to a block that cannot give way: one that can is met at the
# skin's outside, entered by what the pusher travels in a step of the physics, and moves ahead then.
CLOSEST = PUSHER_RADIUS + 2 * SKIN - math.sqrt(2) * MAX_SPEED / PHYSICS_HZ  # m, to its centre

Numbers = tuple[float, ...]


class PushWorld:
    """Computes steps. Holds an engine but no state: every call starts from the state it is given.

    Building one takes about 0.1 ms.
    """

    def __init__(self) -> None:
        self._world = World(table_scene(), log_contacts=False)

    def step(self, state: ArrayLike, action: ArrayLike) -> Floats:
        """The state after one step of control.

        Args:
            state: ``(5,)``, see :mod:`worlds.push.state`.
            action: ``(2,)`` velocity of the pusher in [-1, 1], times 0.5 m/s; clipped. It is
                shortened along each axis where the pusher would leave the table.

        Raises:
            ValueError: a state that cannot be, or an action that is not two finite numbers.
        """
        return self.play(state, check_actions(action, axes=())[None, None])[0, 1]

    def play(self, state: ArrayLike, actions: ArrayLike) -> Floats:
        """Play many sequences of actions from one state.

        Args:
            state: ``(5,)``.
            actions: ``(s, h, 2)``.

        Returns:
            States ``(s, h + 1, 5)``; the first of each is ``state``.

        Raises:
            ValueError: as for :meth:`step`.
        """
        start = check_state(state)
        plans = check_actions(actions, axes=("s", "h"))
        samples, horizon, _ = plans.shape
        states = np.empty((samples, horizon + 1, 5))
        states[:, 0] = start
        for sample, plan in enumerate(plans.tolist()):
            now: Numbers = tuple(start.tolist())
            for time, action in enumerate(plan, start=1):
                now = self._advance(now, action)
                states[sample, time] = now
        return states

    def follow(
        self, policy: Callable[[Floats], ArrayLike], state: ArrayLike, *, steps: int
    ) -> tuple[Floats, Floats]:
        """States ``(steps + 1, 5)`` and actions ``(steps, 2)`` of a policy that sees the state.

        Raises:
            ValueError: as for :meth:`step`.
        """
        states, actions = [check_state(state)], []
        for _ in range(steps):
            action = check_actions(policy(states[-1]), axes=())
            actions.append(action)
            states.append(np.array(self._advance(tuple(states[-1].tolist()), action.tolist())))
        return np.stack(states), np.array(actions, np.float64).reshape(-1, 2)

    def _advance(self, state: Numbers, action: Sequence[float]) -> Numbers:
        px, py, *block = state
        x = min(max(px + MAX_TRAVEL * action[0], LOW), HIGH)
        y = min(max(py + MAX_TRAVEL * action[1], LOW), HIGH)
        if far_apart(state, math.hypot(x - px, y - py)):
            return (x, y, *block)
        world = self._world
        world.restart({PUSHER: (px, py, 0.0), BLOCK: (block[0], block[1], block[2])})
        velocity = ((x - px) / STEP_SECONDS, (y - py) / STEP_SECONDS)
        world.set_velocity(PUSHER, velocity)
        for _ in range(PHYSICS_STEPS):
            world.step()
            velocity = self._yield_to_block(velocity)
        return (*world.position(PUSHER), *world.pose(BLOCK))

    def _yield_to_block(self, velocity: Point) -> Point:
        """Stop the pusher at a block that cannot give way; along its edge it may go on."""
        world = self._world
        x, y = world.position(PUSHER)
        pose = world.pose(BLOCK)
        before = x, y
        x, y = min(max(x, LOW), HIGH), min(max(y, LOW), HIGH)  # along an edge leads anywhere
        distance, near_x, near_y = contact_point((x, y, *pose))
        if 0.0 < distance < CLOSEST:
            out_x, out_y = (x - near_x) / distance, (y - near_y) / distance
            x = min(max(near_x + out_x * CLOSEST, LOW), HIGH)
            y = min(max(near_y + out_y * CLOSEST, LOW), HIGH)
            into = min(velocity[0] * out_x + velocity[1] * out_y, 0.0)
            velocity = (velocity[0] - into * out_x, velocity[1] - into * out_y)
        if (x, y) != before:
            world.set_position(PUSHER, (x, y))
            world.set_velocity(PUSHER, velocity)
        return velocity


def check_actions(actions: ArrayLike, *, axes: tuple[str, ...]) -> NDArray[np.float64]:
    """Actions ``(*axes, 2)``, clipped to [-1, 1].

    Raises:
        ValueError: another shape, or numbers that are not finite.
    """
    array = np.asarray(actions, np.float64)
    if array.ndim != len(axes) + 1 or array.shape[-1] != 2:
        raise ValueError(
            f"Expected actions of shape ({', '.join((*axes, '2'))}), velocities vx, vy in [-1, 1]; "
            f"came shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError("Actions must be finite numbers in [-1, 1]; came NaN or infinity.")
    return array.clip(-1.0, 1.0)
