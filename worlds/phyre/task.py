"""A PHYRE task: a scene in pixels, y up, and the relation that must come to hold."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from worlds.phyre.placement import Obstacles
from worlds.scene import Body, Circle, Point, Polygon, Scene

SIZE = 256  # pixels, width and height of every scene
PIXELS_PER_METRE = 6.0
WALLS = 4  # the first bodies of every task; they lie just outside the picture

KINDS = ("other", "ball", "bar", "jar", "sticks")
COLOURS = ("white", "red", "green", "blue", "purple", "gray", "black")
DENSITY, FRICTION, RESTITUTION, ANGULAR_DAMPING = 0.25, 0.5, 0.2, 0.01


class Relation(enum.IntEnum):
    """What must hold between the two bodies of a task; the benchmark's tiers only use TOUCHING."""

    NONE = 0
    ABOVE = 1
    BELOW = 2
    LEFT_OF = 3
    RIGHT_OF = 4
    TOUCHING_BRIEFLY = 5
    TOUCHING = 6
    INSIDE = 7
    NOT_TOUCHING = 8
    NOT_INSIDE = 9


class Ball(NamedTuple):
    """A user's ball on the pixel grid."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class TaskBody:
    """A body of a task; lengths in pixels, ``kind`` and ``colour`` as in KINDS and COLOURS."""

    position: Point
    shapes: tuple[Circle | Polygon, ...]
    dynamic: bool
    colour: str
    kind: str
    angle: float = 0.0
    diameter: float = 0.0

    @property
    def ball(self) -> bool:
        """Whether it is a single disc."""
        return len(self.shapes) == 1 and isinstance(self.shapes[0], Circle)


@dataclass(frozen=True)
class Task:
    """A task of the official file. Object ids count the bodies after the walls from 1.

    Attributes:
        identity: ``template:instance``, five and three digits.
        tier: BALL and TWO_BALLS are the benchmark.
        bodies: walls first.
        subject: index into ``bodies`` of the first body of the relation.
        object: index of the second one.
    """

    identity: str
    tier: str
    bodies: tuple[TaskBody, ...]
    subject: int
    object: int
    relation: Relation
    description: str

    @property
    def template(self) -> str:
        """The part of the identity that names the template."""
        return self.identity.partition(":")[0]

    def with_balls(self, balls: Sequence[Ball]) -> tuple[TaskBody, ...]:
        """All bodies, the user's balls last."""
        return self.bodies + tuple(
            TaskBody(
                position=(ball.x, ball.y),
                shapes=(Circle(ball.radius),),
                dynamic=True,
                colour="red",
                kind="ball",
                diameter=2.0 * ball.radius,
            )
            for ball in balls
        )

    def scene(self, balls: Sequence[Ball] = ()) -> Scene:
        """The scene in metres, with the official constants."""
        added = self.with_balls(balls)[len(self.bodies) :]
        first = len(self.bodies)
        bodies = tuple(in_metres(body, first + i) for i, body in enumerate(added))
        side = SIZE / PIXELS_PER_METRE
        return Scene(bodies=self._in_metres + bodies, width=side, height=side)

    @cached_property
    def _in_metres(self) -> tuple[Body, ...]:
        return tuple(in_metres(body, index) for index, body in enumerate(self.bodies))

    @cached_property
    def obstacles(self) -> Obstacles:
        """What a user's ball must not reach into: every body, the walls included."""
        return Obstacles(
            (shape, body.position, body.angle) for body in self.bodies for shape in body.shapes
        )


def in_metres(body: TaskBody, index: int) -> Body:
    """A body of the scene from the body of the task with this index."""
    return Body(
        shapes=tuple(_shape_in_metres(shape) for shape in body.shapes),
        position=_point_in_metres(body.position),
        angle=body.angle,
        dynamic=body.dynamic,
        identity=max(0, index - WALLS + 1),
        kind=body.kind,
        colour=body.colour,
        density=DENSITY,
        friction=FRICTION,
        restitution=RESTITUTION,
        angular_damping=ANGULAR_DAMPING,
    )


def metres(pixels: float) -> float:
    """Pixels to metres in single precision, to the bit as the official simulator does."""
    return float(np.float32(pixels) / np.float32(PIXELS_PER_METRE))


def _point_in_metres(point: Point) -> Point:
    return metres(point[0]), metres(point[1])


def _shape_in_metres(shape: Circle | Polygon) -> Circle | Polygon:
    if isinstance(shape, Circle):
        return Circle(metres(shape.radius))
    return Polygon(tuple(_point_in_metres(vertex) for vertex in shape.vertices))
