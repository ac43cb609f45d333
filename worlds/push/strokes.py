"""One push: walk around the block to a side of it, then push straight on for a while."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from worlds.push.state import Floats, gap
from worlds.push.table import HIGH, LOW, PUSHER_RADIUS, REACH
from worlds.push.walk import walk
from worlds.push.world import MAX_TRAVEL, PushWorld

ARRIVED = 0.004  # m
STANDOFF = 0.02  # m, from which a push begins
FINE_STEP = 0.01  # m


@dataclass(frozen=True)
class Stroke:
    """A straight push from ``start`` along ``direction``, a unit vector, for ``length`` metres."""

    start: Floats
    direction: Floats
    length: float

    @property
    def end(self) -> Floats:
        """Where the pusher is told to go, on the table."""
        return (self.start + self.length * self.direction).clip(LOW, HIGH)

    def play(self, world: PushWorld, state: Floats) -> Floats:
        """States ``(h + 1, 5)`` of the push alone, from its start and at full speed."""
        travel = (self.end - self.start) / MAX_TRAVEL
        steps = max(int(np.ceil(np.abs(travel).max())), 1)
        actions = np.broadcast_to(travel / steps, (1, steps, 2))
        return world.play([*self.start, *state[2:]], actions)[0]

    def ending_at(self, place: Floats) -> Stroke:
        """The same push up to a place on its way."""
        return replace(self, length=float((place - self.start) @ self.direction))


def random_stroke(state: Floats, rng: np.random.Generator) -> Stroke | None:
    """A push through the block from a random side, beside its centre; None if no place is free."""
    block = state[2:]
    angle = rng.uniform(-np.pi, np.pi)
    direction = np.array([math.cos(angle), math.sin(angle)])
    across = rng.uniform(-0.12, 0.12) * np.array([-direction[1], direction[0]])
    length = rng.uniform(0.15, 0.5)
    # From afar towards the block: the last place before it is where the push begins.
    away = np.arange(REACH + PUSHER_RADIUS + 0.05, 0.0, -FINE_STEP)
    points = block[:2] + across - away[:, None] * direction
    between = gap(points, block)
    if not (between < STANDOFF).any():
        return None
    start = points[max(int(np.argmax(between < STANDOFF)) - 1, 0)]
    if (start < LOW).any() or (start > HIGH).any():
        return None
    return Stroke(start, direction, length)


class Course:
    """The actions of one stroke: the walk to where it begins, then the push.

    Args:
        places: to go to one after the other, the first where the pusher is.
        speed: share of the greatest speed along an axis.
    """

    def __init__(self, places: list[Floats], *, speed: float) -> None:
        self._way = places[1:]
        self._speed = speed
        legs = np.abs(np.diff(places, axis=0)).max(axis=1)
        # A pusher that a wedged block stops never arrives: it gives up a step late.
        self._steps_left = int(np.ceil(legs / (MAX_TRAVEL * speed)).sum()) + 1

    @classmethod
    def of(cls, state: Floats, stroke: Stroke, *, speed: float = 1.0) -> Course | None:
        """The course of a stroke; None if no way leads to its start."""
        way = walk(state, stroke.start)
        return None if way is None else cls([state[:2], *way, stroke.end], speed=speed)

    def action(self, state: Floats) -> Floats | None:
        """The next action; None when the stroke is done."""
        here = state[:2]
        while self._way and np.abs(here - self._way[0]).max() < ARRIVED:
            self._way.pop(0)
        if not self._way or self._steps_left == 0:
            return None
        self._steps_left -= 1
        wanted = (self._way[0] - here) / MAX_TRAVEL
        largest = float(np.abs(wanted).max())
        if largest <= self._speed:
            self._way.pop(0)
            return wanted
        return wanted * (self._speed / largest)
