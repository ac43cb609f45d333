"""Aimed draws: more solved actions to learn from than uniform draws find; never for test tasks.

RPIN (Qi et al. 2021) learns from 100 solved and 400 unsolved actions of each task, while about one
in a hundred uniform actions solves its task. The official task file tells no solutions, so that
they are found by trying.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jepakit.evals.phyre.actions import MAX_DRAWS, SOLVED, TaskActions, Tries, no_room
from worlds.phyre import Task, attempt, place
from worlds.phyre.action import dimensions
from worlds.phyre.task import SIZE, WALLS

NEAR_SHARE = 0.8  # of the draws, once a solution is known
NEAR = 0.05  # of the action space's side: standard deviation around a known solution
AIM = 20.0  # pixels, standard deviation of a ball's x around a moving body's

Action = Float[np.ndarray, " a"]


def draw_aimed(tries: Tries, count: int, *, start: TaskActions, seed: int) -> Tries:
    """With aimed valid actions added, and tried, until there are ``count``.

    While no action is known to solve the task, balls are drawn roughly above or below a body that
    moves; afterwards four of five draws lie near a solution, of ``start`` or found on the way. The
    same for the same task, seed and start, and a longer draw starts with a shorter one.

    Args:
        tries: earlier aimed draws of the same seed and start.
        count: how many are wanted.
        start: uniform draws, whose solutions are known from the beginning.
        seed: of the draws.

    Raises:
        ValueError: the task has no room for the user's balls.
    """
    task = tries.task
    template, instance = map(int, task.identity.split(":"))
    rng = np.random.default_rng([seed, template, instance, len(start)])
    solutions = list(start.actions[start.solved])
    actions: list[Action] = []
    outcomes: list[int] = []
    # Earlier draws are drawn again, since later ones depend on them, but not simulated again.
    for _ in range(MAX_DRAWS * count):
        if len(actions) >= max(count, len(tries)):
            break
        action = _aimed(task, solutions, rng)
        if place(task, action) is None:
            continue
        row = len(actions)
        known = row < len(tries)
        outcomes.append(int(tries.outcomes[row]) if known else int(attempt(task, action)))
        actions.append(action)
        if outcomes[-1] == SOLVED:
            solutions.append(action)
    if len(actions) < count:
        raise ValueError(no_room(task, count))
    return Tries(task, np.array(actions).reshape(-1, dimensions(task)), np.array(outcomes, np.int8))


def _aimed(task: Task, solutions: Sequence[Action], rng: np.random.Generator) -> Action:
    width = dimensions(task)
    if solutions and rng.random() < NEAR_SHARE:
        near = solutions[int(rng.integers(len(solutions)))] + rng.normal(0.0, NEAR, width)
        return np.clip(near, 0.0, 1.0)
    action = rng.random(width)
    moving = [body for body in task.bodies[WALLS:] if body.dynamic]
    for ball in range(0, width if moving else 0, 3):
        body = moving[int(rng.integers(len(moving)))]
        action[ball] = (body.position[0] + rng.normal(0.0, AIM)) / (SIZE - 1)
    return np.clip(action, 0.0, 1.0)
