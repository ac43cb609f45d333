"""A stage on which a layout places bodies; it turns into a scene."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from worlds.scene import Body, Circle, Hinge, Point, Polygon, Rod, Scene
from worlds.scenes.shapes import Shapes, ball, block, lowest, regular

SIZE = 8.0  # m, width and height of every stage
FLOOR = 0.4  # m, height of the floor's surface
GAP = 0.015  # m between bodies that rest on each other: what the engine leaves between polygons
SCENERY = 0  # index of the floor in the scene's bodies, for joints to the world


@dataclass(frozen=True)
class Material:
    """What a body is made of, invisible in its pixels: kg/m^2, Coulomb friction, restitution."""

    density: float
    friction: float
    restitution: float


class Stage:
    """Collects bodies and joints while a layout draws their sizes and places.

    The first bodies are the floor, two walls and a ceiling (identity 0). Every body placed
    afterwards gets the next identity 1, 2, ...; all of them can be removed.

    Args:
        rng: source of all randomness of the scene.
        gravity: m/s^2 along y; 0 shows the scene from above, walled in by the floor on all sides.
    """

    def __init__(self, rng: np.random.Generator, *, gravity: float = -9.8) -> None:
        self.rng = rng
        self.gravity = gravity
        self.joints: list[Hinge | Rod] = []
        rim = FLOOR if gravity == 0 else 0.0
        thick = 1.0
        middle, span = SIZE / 2, SIZE + 2 * thick
        self.bodies = [
            self._wall(block(span, FLOOR + thick), (middle, (FLOOR - thick) / 2)),
            self._wall(block(rim + thick, span), ((rim - thick) / 2, middle)),
            self._wall(block(rim + thick, span), (SIZE - (rim - thick) / 2, middle)),
            self._wall(block(span, rim + thick), (middle, SIZE - (rim - thick) / 2)),
        ]

    def _wall(self, shapes: Shapes, position: Point) -> Body:
        return Body(shapes, position, dynamic=False, friction=0.5, kind="wall")

    def uniform(self, low: float, high: float) -> float:
        """A number between ``low`` and ``high``."""
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """True with ``probability``."""
        return bool(self.rng.random() < probability)

    def material(
        self,
        *,
        density: tuple[float, float] = (0.4, 2.4),
        friction: tuple[float, float] = (0.15, 0.7),
        bounce: tuple[float, float] = (0.0, 0.4),
    ) -> Material:
        """A material drawn from ranges; the density log-uniformly."""
        weight = math.exp(self.uniform(math.log(density[0]), math.log(density[1])))
        return Material(weight, self.uniform(*friction), self.uniform(*bounce))

    def place(
        self,
        kind: str,
        shapes: Shapes,
        position: Point,
        *,
        angle: float = 0.0,
        dynamic: bool = True,
        velocity: Point = (0.0, 0.0),
        spin: float = 0.0,
        material: Material | None = None,
        damping: float = 0.0,
    ) -> int:
        """Add a body with its origin at ``position``; returns its index for joints."""
        stuff = material or self.material()
        self.bodies.append(
            Body(
                shapes=shapes,
                position=position,
                angle=angle,
                dynamic=dynamic,
                velocity=velocity,
                angular_velocity=spin,
                density=stuff.density,
                friction=stuff.friction,
                restitution=stuff.restitution,
                linear_damping=damping,
                angular_damping=max(damping, 0.01),
                identity=max(body.identity for body in self.bodies) + 1,
                kind=kind,
            )
        )
        return len(self.bodies) - 1

    def fixed(self, kind: str, shapes: Shapes, position: Point, *, angle: float = 0.0) -> int:
        """Add an obstacle that never moves."""
        return self.place(kind, shapes, position, angle=angle, dynamic=False)

    def rest(
        self,
        kind: str,
        shapes: Shapes,
        x: float,
        ground: float,
        material: Material | None = None,
        *,
        velocity: Point = (0.0, 0.0),
    ) -> int:
        """Stand a movable body on a surface at height ``ground``; returns its index."""
        y = ground + lowest(shapes) + GAP
        return self.place(kind, shapes, (x, y), velocity=velocity, material=material)

    def thing(self, size: float, *, round_too: bool = True) -> tuple[str, Shapes]:
        """A kind and shape drawn at random, about ``size`` metres across."""
        kinds = ["box", "triangle", "pentagon", "hexagon", "ball"]
        kind = kinds[self.count(0, len(kinds) - 1 if round_too else len(kinds) - 2)]
        if kind == "ball":
            return kind, ball(size / 2)
        if kind == "box":
            return kind, block(size * self.uniform(0.7, 1.1), size * self.uniform(0.7, 1.1))
        sides = {"triangle": 3, "pentagon": 5, "hexagon": 6}[kind]
        return kind, regular(sides, size * (0.62 if sides == 3 else 0.54))

    def hinge(self, a: int, b: int, anchor: Point) -> None:
        """Pin two bodies to each other."""
        self.joints.append(Hinge(a, b, anchor))

    def scene(self) -> Scene:
        """The finished scene, with the engine set so that removal acts only through contacts."""
        return Scene(
            bodies=tuple(self.bodies),
            width=SIZE,
            height=SIZE,
            joints=tuple(self.joints),
            gravity=self.gravity,
            sleeping=False,
            continuous=False,
        )


def mirrored(scene: Scene) -> Scene:
    """The same scene seen in a mirror: left and right exchanged."""

    def across(point: Point) -> Point:
        return scene.width - point[0], point[1]

    def shape(part: Circle | Polygon) -> Circle | Polygon:
        if isinstance(part, Circle):
            return Circle(part.radius, (-part.centre[0], part.centre[1]))
        # Reversed, so that the corners stay counter-clockwise.
        return Polygon(tuple((-x, y) for x, y in reversed(part.vertices)))

    def body(one: Body) -> Body:
        return replace(
            one,
            shapes=tuple(shape(part) for part in one.shapes),
            position=across(one.position),
            # Subtracted, because -0.0 may or may not become 0.0 in the engine.
            angle=0.0 - one.angle,
            velocity=(0.0 - one.velocity[0], one.velocity[1]),
            angular_velocity=0.0 - one.angular_velocity,
        )

    def joint(one: Hinge | Rod) -> Hinge | Rod:
        if isinstance(one, Hinge):
            return Hinge(one.a, one.b, across(one.anchor))
        return Rod(one.a, one.b, across(one.anchor_a), across(one.anchor_b))

    return replace(
        scene,
        bodies=tuple(body(one) for one in scene.bodies),
        joints=tuple(joint(one) for one in scene.joints),
    )
