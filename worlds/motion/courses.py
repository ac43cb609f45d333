"""Where discs are in each frame: straight ahead at an even or uneven speed, or two that may bounce.

All lengths are those of a frame of 256 pixels, and a clip lasts 15 steps however many frames show
it: clips of another size or length show the same motion, coarser or finer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 256.0  # pixels
STEPS = 15  # of a clip: 16 frames
RADII = (10.0, 20.0)  # pixels
SPEEDS = (4.0, 9.0)  # pixels per step
EDGE = 1.0  # pixels, the width of smooth edges
# Two discs are closest between these shares of a clip, and miss each other by so many radii.
MEETING = (0.4, 0.6)
GRAZING, PASSING = (0.0, 0.75), (1.1, 1.5)


@dataclass(frozen=True)
class Course:
    """Motion of one or two discs of equal size.

    Attributes:
        places: ``(discs, t, 2)``, pixels from the left and from the bottom.
        centre: ``(2,)``, the middle of the motion.
        speed: mean, in pixels per step.
        radius: in pixels.
        contact: whether two discs bounce off each other.
    """

    places: Floats
    centre: Floats
    speed: float
    radius: float
    contact: bool = False


def straight_course(
    rng: np.random.Generator,
    *,
    direction: float,
    frames: int,
    speed: float = 1.0,
    radius: float = 1.0,
    uneven: bool = False,
    wrap: bool = False,
) -> Course:
    """One disc on a straight line.

    The middle of the line lies evenly in one box for all directions, so that the mean place says
    nothing of the direction; the places of the first and of the last frame do, as in any frame
    with borders. On a torus the middle lies anywhere, and no place says anything.

    Args:
        rng: source of radius, speed, place (and phase).
        direction: angle from the right, counter-clockwise, in rad.
        frames: of the clip.
        speed: factor of the drawn speed.
        radius: factor of the drawn radius.
        uneven: vary the speed as ``1 + 0.5 sin`` over one period of random phase.
        wrap: the frame is a torus; places may lie outside of it.

    Raises:
        ValueError: the disc would leave the frame.
    """
    size, pace = _draw_size_and_pace(rng)
    reach = max(1, radius) * size + EDGE + max(1, speed) * SPEEDS[1] * STEPS / 2
    centre = _draw_centre(rng, 0.0 if wrap else reach)
    phase = rng.uniform(0, 2 * math.pi)
    progress = np.linspace(0, 1, frames)
    if uneven:
        # A whole period: the mean of the steps is 1, whatever the phase.
        steps = 1 + 0.5 * np.sin(2 * math.pi * np.arange(frames - 1) / (frames - 1) + phase)
        progress = np.concatenate([[0.0], np.cumsum(steps / steps.sum())])
    way = (progress - 0.5) * speed * pace * STEPS
    places = centre + way[:, None] * _heading(direction)
    return Course(places[None], centre, speed * pace, radius * size)


def pair_course(
    rng: np.random.Generator,
    *,
    direction: float,
    frames: int,
    speed: float = 1.0,
    radius: float = 1.0,
) -> Course:
    """Two equal discs that come from opposite sides, and bounce (half of the clips) or pass.

    The second disc is the first one mirrored at the middle, before and after the bounce: the mean
    place says neither direction nor contact. A bounce is elastic and without friction,
    ``v' = v - 2 (v . n) n`` with ``n`` along the line of the middles. How far beside each other the
    discs come in tells whether they will meet, as it does outside of pictures.

    Args:
        rng: source of radius, speed, place, moment and whether they meet.
        direction: where the first disc is heading when the clip begins, in rad.
        frames: of the clip.
        speed: factor of the drawn speed.
        radius: factor of the drawn radius.

    Raises:
        ValueError: a disc would leave the frame.
    """
    size, pace = _draw_size_and_pace(rng)
    run = MEETING[1] * SPEEDS[1] * STEPS
    centre = _draw_centre(rng, 2 * max(1, radius) * size + EDGE + max(1, speed) * run)
    contact = bool(rng.random() < 0.5)
    low, high = GRAZING if contact else PASSING
    aside = rng.uniform(low, high) * rng.choice([-1, 1]) * radius * size
    closest = rng.uniform(*MEETING)
    ahead = _heading(direction)
    way = (np.linspace(0, 1, frames) - closest) * speed * pace * STEPS
    places = way[:, None] * ahead + aside * np.array([-ahead[1], ahead[0]])
    if contact:
        places = _bounced(places, way, ahead, radius * size, aside)
    both = centre + np.stack([places, -places])
    return Course(both, centre, speed * pace, radius * size, contact)


def _bounced(places: Floats, way: Floats, ahead: Floats, radius: float, aside: float) -> Floats:
    """Places relative to the middle of the pair; the discs touch where that is a radius away."""
    touch = -math.sqrt(radius**2 - aside**2)
    point = touch * ahead + aside * np.array([-ahead[1], ahead[0]])
    normal = point / radius
    away = ahead - 2 * (ahead @ normal) * normal
    return np.where(way[:, None] > touch, point + (way - touch)[:, None] * away, places)


def _draw_size_and_pace(rng: np.random.Generator) -> tuple[float, float]:
    return rng.uniform(*RADII), rng.uniform(*SPEEDS)


def _draw_centre(rng: np.random.Generator, margin: float) -> Floats:
    if margin > SIDE / 2:
        raise ValueError(
            f"The discs need {margin:.0f} of {SIDE / 2:.0f} pixels from the middle to the border "
            "(of a frame of 256); give a smaller factor of speed or radius."
        )
    return rng.uniform(margin, SIDE - margin, size=2)


def _heading(direction: float) -> Floats:
    # Rounded, so that directions along the axes leave the other coordinate exactly alone.
    return np.array([math.cos(direction), math.sin(direction)]).round(15)
