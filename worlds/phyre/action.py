"""Actions: numbers in [0, 1] that stand for one ball or two, put on the pixel grid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worlds.phyre.task import SIZE, Ball, Task

SMALLEST, LARGEST = 2.0, 32.0  # radius in pixels
DIMENSIONS = {"BALL": 3, "TWO_BALLS": 6}


def balls_of(action: Sequence[float] | NDArray[np.floating]) -> tuple[Ball, ...] | None:
    """The balls of an action (x, y, r) or (x, y, r, x, y, r), or None where it is invalid.

    Position ``a * 255`` pixels, truncated; radius ``2 + 30 a``, rounded. An action is invalid when
    a ball is not fully inside the scene or two are closer than ``r1 + r2 + 1``, both judged before
    it is put on the grid, or when a number lies outside [0, 1].

    Raises:
        ValueError: neither three nor six numbers.
    """
    numbers = [float(value) for value in action]
    if len(numbers) not in (3, 6):
        raise ValueError(f"Expected 3 numbers (one ball) or 6 (two balls); got {len(numbers)}.")
    if not all(0.0 <= value <= 1.0 for value in numbers):
        return None
    exact = [
        Ball(x * (SIZE - 1), y * (SIZE - 1), r * (LARGEST - SMALLEST) + SMALLEST)
        for x, y, r in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    ]
    for x, y, radius in exact:
        if not (radius <= x <= SIZE - radius and radius <= y <= SIZE - radius):
            return None
    if len(exact) == 2:
        first, second = exact
        apart = math.hypot(first.x - second.x, first.y - second.y)
        if apart < first.radius + second.radius + 1.0:
            return None
    return tuple(Ball(math.floor(x), math.floor(y), round(radius)) for x, y, radius in exact)


def place(task: Task, action: Sequence[float] | NDArray[np.floating]) -> tuple[Ball, ...] | None:
    """The balls of an action in a task, or None where the action is invalid there.

    On top of :func:`balls_of`, no ball may reach into a body of the scene.
    """
    balls = balls_of(action)
    if balls is None or any(task.obstacles.hit(*ball) for ball in balls):
        return None
    return balls


def dimensions(task: Task) -> int:
    """How many numbers an action of the task's tier has; tasks of other tiers take one ball."""
    return DIMENSIONS.get(task.tier, 3)
