"""When the block is where it should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worlds.push.state import Floats

POSITION_TOLERANCE = 20 / 512  # m, on a table of 1 m that Push-T shows 512 pixels wide
ANGLE_TOLERANCE = np.pi / 9  # rad


def distances(states: ArrayLike, goal: ArrayLike) -> tuple[Floats, Floats]:
    """How far the block is from its pose in ``goal``: metres, and rad in [0, pi].

    Args:
        states: ``(..., 5)``.
        goal: ``(5,)`` or as many as states. Where the pusher is makes no difference.
    """
    off = np.asarray(states, np.float64) - np.asarray(goal, np.float64)
    turn = np.abs((off[..., 4] + np.pi) % (2 * np.pi) - np.pi)
    return np.hypot(off[..., 2], off[..., 3]), turn


def reached(states: ArrayLike, goal: ArrayLike) -> NDArray[np.bool_]:
    """Whether the block is within 20/512 m and pi/9 rad of its pose in ``goal``.

    Source: Push-T as DINO-WM (arXiv 2411.04983) evaluates it, 20 of 512 pixels and pi/9. Differs:
    where the pusher ends does not count.
    """
    distance, turn = distances(states, goal)
    return np.asarray((distance < POSITION_TOLERANCE) & (turn < ANGLE_TOLERANCE))
