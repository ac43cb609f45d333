"""Tasks of the push world: a start, and a goal that is known to be within reach of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from worlds.push.policies import PushPolicy
from worlds.push.state import Floats, check_state, random_state
from worlds.push.success import reached
from worlds.push.world import PushWorld

ATTEMPTS = 200


@dataclass(frozen=True)
class PushTask:
    """Bring the block from its pose in ``start`` to its pose in ``goal``.

    Attributes:
        start: state ``(5,)``.
        goal: state ``(5,)`` that ``actions`` lead to.
        actions: ``(h, 2)``, one way to the goal; at the end of it the block is there.
    """

    start: Floats
    goal: Floats
    actions: Floats


def sample_task(
    rng: np.random.Generator,
    *,
    world: PushWorld | None = None,
    start: ArrayLike | None = None,
    goal_steps: int = 10,
    max_shift: float = float("inf"),
) -> PushTask:
    """A task of which doing nothing is no solution: what :class:`PushPolicy` does to a block.

    Args:
        rng: source of all randomness: ``np.random.default_rng(seed)`` makes task ``seed``.
        world: to play in; a new one if none is given.
        start: where to begin; by default a random state.
        goal_steps: steps of control from start to goal.
        max_shift: metres that the block's centre is moved at most.

    Raises:
        ValueError: a start that cannot be, or no goal was found in 200 attempts.
    """
    world = world or PushWorld()
    given = None if start is None else check_state(start)
    for _ in range(ATTEMPTS):
        first = random_state(rng) if given is None else given
        states, actions = world.follow(PushPolicy(rng), first, steps=goal_steps)
        goal = states[-1]
        shift = np.hypot(*(goal - first)[2:4])
        if not reached(first, goal) and shift <= max_shift:
            return PushTask(first, goal, actions)
    raise ValueError(
        f"No goal {goal_steps} steps away with a shift of at most {max_shift} m found in "
        f"{ATTEMPTS} attempts; allow more steps or a larger shift."
    )
