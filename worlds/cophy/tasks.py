"""The two tasks: balls on a table seen from above, and towers of blocks under tilted gravity."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from worlds.cophy.confounders import Levels
from worlds.scene import Point
from worlds.scenes.shapes import Shapes, ball, block, reach
from worlds.scenes.stage import FLOOR, GAP, SIZE

COLOURS = ("red", "green", "blue", "yellow", "lime", "purple", "orange", "cyan", "magenta")
"""Rows of CoPhy's arrays: an object is in the row of its colour, and its identity is the row + 1.
Towers use the first four."""

APART = 0.12  # m, least gap between balls at the start


@dataclass(frozen=True)
class Solid:
    """An object at the start, without what it is made of. Identity: row of its colour plus one."""

    identity: int
    shapes: Shapes
    position: Point
    velocity: Point = (0.0, 0.0)
    angle: float = 0.0

    @property
    def colour(self) -> str:
        """What it is called by."""
        return COLOURS[self.identity - 1]


class Place(Protocol):
    """Draws the solids of a scene."""

    def __call__(self, count: int, rng: np.random.Generator) -> list[Solid]:
        """``count`` solids."""


@dataclass(frozen=True)
class CophyTask:
    """A kind of scenes.

    Attributes:
        kind: what its objects are called.
        folder: of CoPhy that has the same task.
        rows: colours in use.
        counts: fewest and most objects.
        gravity: m/s^2 along y; 0 for a table seen from above.
        drag: linear damping (1/s) per unit of friction: what a table's friction does to a ball.
        levels: of the confounders.
        place: draws the objects.
        moved: draws where one of them could be instead.
    """

    kind: str
    folder: str
    rows: int
    counts: tuple[int, int]
    gravity: float
    drag: float
    levels: Levels
    place: Place
    moved: Callable[[list[Solid], Solid, np.random.Generator], Point]


def place_balls(count: int, rng: np.random.Generator) -> list[Solid]:
    """Balls apart from each other; most of them roll, many of those towards another one."""
    names = rng.permutation(len(COLOURS))[:count] + 1
    balls: list[Solid] = []
    for identity in sorted(names.tolist()):
        shapes = ball(float(rng.uniform(0.45, 0.65)))
        balls.append(Solid(identity, shapes, _free(balls, shapes, rng)))
    pushed = rng.random(count) < 0.7
    pushed[int(rng.integers(count))] = True
    return [
        replace(one, velocity=_push(one, balls, rng)) if push else one
        for one, push in zip(balls, pushed.tolist(), strict=True)
    ]


def _push(one: Solid, balls: list[Solid], rng: np.random.Generator) -> Point:
    """A velocity of 3 to 6 m/s."""
    others = [other for other in balls if other is not one]
    direction = rng.uniform(-math.pi, math.pi)
    if others and rng.random() < 0.7:
        other = others[int(rng.integers(len(others)))]
        aim = np.subtract(other.position, one.position)
        direction = math.atan2(aim[1], aim[0]) + rng.uniform(-0.25, 0.25)
    speed = rng.uniform(3.0, 6.0)
    return float(speed * math.cos(direction)), float(speed * math.sin(direction))


def _free(balls: list[Solid], shapes: Shapes, rng: np.random.Generator) -> Point:
    """A place where a ball touches neither the rim nor another ball."""
    radius = reach(shapes)
    edge = FLOOR + radius + APART
    while True:
        x, y = rng.uniform(edge, SIZE - edge, 2).tolist()
        gaps = [math.dist((x, y), other.position) - radius - reach(other.shapes) for other in balls]
        if min(gaps, default=APART) >= APART:
            return x, y


def move_ball(balls: list[Solid], one: Solid, rng: np.random.Generator) -> Point:
    """Another free place, at least a metre away."""
    others = [other for other in balls if other.identity != one.identity]
    while True:
        place = _free(others, one.shapes, rng)
        if math.dist(place, one.position) >= 1.0:
            return place


def place_tower(count: int, rng: np.random.Generator) -> list[Solid]:
    """Blocks on top of each other, none quite in the middle of the one below."""
    order = rng.permutation(4)[:count] + 1
    x, top = float(rng.uniform(3.2, 4.8)), FLOOR
    width = 0.0
    blocks = []
    for number, identity in enumerate(order.tolist()):
        below, width, height = width, float(rng.uniform(1.2, 1.9)), float(rng.uniform(0.85, 1.35))
        if number:
            x += float(rng.uniform(-0.42, 0.42)) * min(below, width)
        blocks.append(Solid(identity, block(width, height), (x, top + GAP + height / 2)))
        top += GAP + height
    return sorted(blocks, key=lambda one: one.identity)


def move_block(blocks: list[Solid], one: Solid, rng: np.random.Generator) -> Point:  # noqa: ARG001
    """A place 0.25 to 0.8 m to the left or the right."""
    shift = float(rng.uniform(0.25, 0.8)) * (1 if rng.random() < 0.5 else -1)
    return one.position[0] + shift, one.position[1]


TASKS: dict[str, CophyTask] = {
    "balls": CophyTask(
        kind="ball",
        folder="ballsCF",
        rows=9,
        counts=(2, 6),
        gravity=0.0,
        drag=1.0,
        levels=Levels((1.0, 8.0), (0.05, 0.6), (0.2, 0.95)),
        place=place_balls,
        moved=move_ball,
    ),
    "blocks": CophyTask(
        kind="block",
        folder="blocktowerCF",
        rows=4,
        counts=(3, 4),
        gravity=-9.8,
        drag=0.0,
        levels=Levels((1.0, 8.0), (0.08, 0.8), (0.0, 0.3), sideways=2.0),
        place=place_tower,
        moved=move_block,
    ),
}
