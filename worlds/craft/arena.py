"""Where a CRAFT-like layout places its things: CRAFT's constants, objects and fixed parts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from worlds.scene import Body, Point, Polygon, Scene
from worlds.scenes.shapes import Shapes, ball, block, cup, lowest, regular

# CRAFT's constants (hucvl/craft, ACL Findings 2022).
GRAVITY = -15.0  # m/s^2
STEP_HZ = 60.0
VELOCITY_ITERATIONS, POSITION_ITERATIONS = 8, 3
DENSITY = 50.0  # kg/m^2
FRICTION = 0.1
RESTITUTION = 0.2
MAX_STEPS = 600

SHAPES = ("cube", "triangle", "circle")
COLOURS = ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")
SIZES = {"small": 1.0, "large": 1.6}  # m, half of the extent

# CRAFT's world is 50 m wide; in ours, 32 m, a small object still covers 4 of 64 pixels.
WIDTH = 32.0  # m, width and height
GROUND = 1.5  # m, height of the ground's surface
THICK = 0.8  # m, of platforms and ramps
WALL = 0.6  # m, of baskets
GAP = 0.02  # m under what rests: the engine keeps polygons about as far apart


@dataclass(frozen=True)
class Thing:
    """An object that questions speak of."""

    identity: int
    size: str
    colour: str
    shape: str

    @property
    def phrase(self) -> str:
        """What it is called; no other object of the scene is called so."""
        return f"{self.size} {self.colour} {self.shape}"


def outline(shape: str, size: str) -> Shapes:
    """The shape of an object around its centre of mass."""
    half = SIZES[size]
    if shape == "circle":
        return ball(half)
    return block(2 * half, 2 * half) if shape == "cube" else regular(3, 1.2 * half)


class Arena:
    """Collects objects and fixed parts while a layout draws their sizes and places.

    The ground and two walls out of the picture are there from the start. What is at rest at the
    start has velocity 0 and stands on something; all else gets a velocity, so that a question about
    what moves at the start has one answer.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._looks: list[tuple[str, str, str]] = []
        self._movable: list[Body] = []
        middle, span = WIDTH / 2, 3 * WIDTH
        self._fixed = [
            self._part("ground", block(span, GROUND + 1), (middle, (GROUND - 1) / 2)),
            self._part("wall", block(1.0, span), (-0.5, middle)),
            self._part("wall", block(1.0, span), (WIDTH + 0.5, middle)),
        ]

    def uniform(self, low: float, high: float) -> float:
        """A number between ``low`` and ``high``."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True with ``probability``."""
        return bool(self.rng.random() < probability)

    def size(self) -> str:
        """Small or large."""
        return "large" if self.chance(0.4) else "small"

    def throw(
        self, position: Point, velocity: Point, *, size: str | None = None, shape: str | None = None
    ) -> None:
        """Put an object somewhere with a velocity in m/s that is not 0."""
        self._add(position, velocity, size or self.size(), shape or self._shape())

    def rest(
        self,
        x: float,
        top: float,
        *,
        size: str | None = None,
        shape: str | None = None,
        velocity: Point = (0.0, 0.0),
    ) -> float:
        """Stand an object on a surface at height ``top``; returns the height of its own top."""
        size, shape = size or self.size(), shape or self._shape()
        y = top + lowest(outline(shape, size)) + GAP
        self._add((x, y), velocity, size, shape)
        return y + SIZES[size]

    def _shape(self) -> str:
        return SHAPES[int(self.rng.integers(len(SHAPES)))]

    def _add(self, position: Point, velocity: Point, size: str, shape: str) -> None:
        free = [c for c in COLOURS if (size, c, shape) not in self._looks]
        colour = free[int(self.rng.integers(len(free)))]
        self._looks.append((size, colour, shape))
        self._movable.append(
            Body(
                outline(shape, size),
                position,
                velocity=velocity,
                density=DENSITY,
                friction=FRICTION,
                restitution=RESTITUTION,
                angular_damping=0.0,
                identity=len(self._looks),
                kind=shape,
                colour=colour,
            )
        )

    def platform(self, left: float, right: float, top: float) -> None:
        """A level surface between two places."""
        shapes = block(right - left, THICK)
        self._fixed.append(self._part("platform", shapes, ((left + right) / 2, top - THICK / 2)))

    def ramp(self, high: Point, low: Point) -> None:
        """A slope whose surface runs from one point down to another, to either side."""
        length = math.dist(high, low)
        (left, right) = sorted((high, low))
        angle = math.atan2(right[1] - left[1], right[0] - left[0])
        middle = ((high[0] + low[0]) / 2, (high[1] + low[1]) / 2)
        under = (
            middle[0] + math.sin(angle) * THICK / 2,
            middle[1] - math.cos(angle) * THICK / 2,
        )
        self._fixed.append(self._part("ramp", block(length, THICK), under, angle))

    def basket(self, x: float, width: float, height: float, *, ground: float = GROUND) -> None:
        """A basket open at the top, that never moves."""
        shapes = cup(width, height, WALL)
        self._fixed.append(self._part("basket", shapes, (x, ground + GAP / 2 + height / 2)))

    def _part(self, kind: str, shapes: Shapes, position: Point, angle: float = 0.0) -> Body:
        return Body(
            shapes,
            position,
            angle=angle,
            dynamic=False,
            friction=FRICTION,
            restitution=RESTITUTION,
            kind=kind,
            colour="black",
        )

    def things(self) -> tuple[Thing, ...]:
        """The objects, in the order of their identities 1, 2, ..."""
        return tuple(Thing(i, *look) for i, look in enumerate(self._looks, start=1))

    def scene(self) -> Scene:
        """The finished scene; platforms, ramps and baskets have the identities after the objects.

        The engine is set so that a removal acts through contacts alone.
        """
        parts = [
            replace(part, identity=identity)
            for identity, part in enumerate(self._fixed[3:], start=len(self._looks) + 1)
        ]
        return Scene(
            bodies=(*self._fixed[:3], *parts, *self._movable),
            width=WIDTH,
            height=WIDTH,
            gravity=GRAVITY,
            step_hz=STEP_HZ,
            velocity_iterations=VELOCITY_ITERATIONS,
            position_iterations=POSITION_ITERATIONS,
            sleeping=False,
            continuous=False,
        )


def interior(basket: Body) -> tuple[float, float, float, float]:
    """Left, right, bottom and rim of the room inside a basket, in world metres."""
    floor, left, right = (part.vertices for part in basket.shapes if isinstance(part, Polygon))
    x, y = basket.position
    return (
        x + max(px for px, _ in left),
        x + min(px for px, _ in right),
        y + max(py for _, py in floor),
        y + max(py for _, py in left),
    )
