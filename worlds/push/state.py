"""The state of the push world: five numbers, and how far pusher and block are apart.

``(pusher x, pusher y, block x, block y, block angle)`` in metres and rad, y up, float64. The block
is at rest between steps of control, so that these poses are all there is to know: a state restored
from them goes on as the original did, bit by bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worlds.push.table import CORNERS, HIGH, LOW, PUSHER_RADIUS, REACH, RECTANGLES, TABLE

STATE_NAMES = ("pusher_x", "pusher_y", "block_x", "block_y", "block_angle")

# What a step may leave and a restored state may have: single precision, and pressed-in corners.
ROUNDING = 1e-6  # m
PRESSED = 0.005  # m

Floats = NDArray[np.float64]


def contact_point(state: Sequence[float]) -> tuple[float, float, float]:
    """Distance in metres from the pusher's centre to the block, and the block's nearest point.

    The distance is 0 for a centre inside the block. Plain numbers, because it is asked in every
    step of the physics.
    """
    px, py, bx, by, angle = state
    cos, sin = math.cos(angle), math.sin(angle)
    dx, dy = px - bx, py - by
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    best, near_u, near_v = math.inf, 0.0, 0.0
    for left, bottom, right, top in RECTANGLES:
        nu = left if u < left else min(u, right)
        nv = bottom if v < bottom else min(v, top)
        square = (u - nu) ** 2 + (v - nv) ** 2
        if square < best:
            best, near_u, near_v = square, nu, nv
    near = (bx + cos * near_u - sin * near_v, by + sin * near_u + cos * near_v)
    return math.sqrt(best), *near


def gap(points: Floats, block: Floats) -> Floats:
    """Metres between the rim of a pusher at ``points (..., 2)`` and a ``block (3,)``; < 0 inside.

    The depth of a centre inside the block is not told: -0.04 is the least.
    """
    cos, sin = np.cos(block[2]), np.sin(block[2])
    offset = points - block[:2]
    u = cos * offset[..., 0] + sin * offset[..., 1]
    v = cos * offset[..., 1] - sin * offset[..., 0]
    square = np.full(u.shape, np.inf)
    for left, bottom, right, top in RECTANGLES:
        away = (u - u.clip(left, right)) ** 2 + (v - v.clip(bottom, top)) ** 2
        np.minimum(square, away, out=square)
    return np.sqrt(square) - PUSHER_RADIUS


def corners(block: ArrayLike) -> Floats:
    """World coordinates ``(..., 8, 2)`` of the corners of blocks ``(..., 3)``."""
    pose = np.asarray(block, np.float64)
    cos, sin = np.cos(pose[..., 2:]), np.sin(pose[..., 2:])
    x, y = np.array(CORNERS).T
    return np.stack([pose[..., :1] + cos * x - sin * y, pose[..., 1:2] + sin * x + cos * y], -1)


def check_state(state: ArrayLike) -> Floats:
    """A state as an array of its own.

    Raises:
        ValueError: not five finite numbers, pusher or block not on the table, or one in the other.
    """
    array = np.array(state, np.float64)
    if array.shape != (5,) or not np.isfinite(array).all():
        raise ValueError(
            f"A state is five finite numbers {STATE_NAMES}, came {array.tolist()} of shape "
            f"{array.shape}."
        )
    pusher, block = array[:2], array[2:]
    if (np.abs(pusher - TABLE / 2) > HIGH - TABLE / 2 + ROUNDING).any():
        raise ValueError(
            f"The pusher's centre must be in [{LOW}, {HIGH}] m, came {pusher.tolist()}."
        )
    outside = float(np.abs(corners(block) - TABLE / 2).max()) - TABLE / 2
    if outside > PRESSED:
        raise ValueError(
            f"The block must be on the table, {block.tolist()} is {outside:.4f} m beyond its edge."
        )
    between = float(gap(pusher, block))
    if between < -PRESSED:
        raise ValueError(
            f"Pusher and block overlap by {-between:.4f} m in {array.tolist()}; at most {PRESSED} "
            "is allowed."
        )
    return array


def random_state(rng: np.random.Generator, *, margin: float = 0.02) -> Floats:
    """Pusher and block anywhere on the table, the block at any angle; in the engine's precision.

    Args:
        rng: source of all randomness.
        margin: metres that the block keeps from the edge and the pusher from the block, below 0.1.
    """
    while True:  # seven in ten blocks and eight in ten pushers are accepted
        block = np.array([*rng.uniform(0.0, TABLE, 2), rng.uniform(-np.pi, np.pi)])
        if np.abs(corners(block) - TABLE / 2).max() <= TABLE / 2 - margin:
            break
    while True:
        pusher = rng.uniform(LOW, HIGH, 2)
        if gap(pusher, block) >= margin:
            return np.concatenate([pusher, block]).astype(np.float32).astype(np.float64)


def far_apart(state: Sequence[float], travel: float) -> bool:
    """Whether a pusher that moves ``travel`` metres cannot reach the block however it lies."""
    px, py, bx, by, _ = state
    away = REACH + PUSHER_RADIUS + 0.02 + travel
    return (px - bx) ** 2 + (py - by) ** 2 > away * away
