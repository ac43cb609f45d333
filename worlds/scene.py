"""What a 2-D world is made of: plain data, no engine.

Lengths in metres, angles in radians counter-clockwise, mass density in kg/m^2, y points up.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Circle:
    """A disc around ``centre``, given in the body's own frame."""

    radius: float
    centre: Point = (0.0, 0.0)


@dataclass(frozen=True)
class Polygon:
    """A convex polygon, counter-clockwise, at most 8 vertices, in the body's own frame."""

    vertices: tuple[Point, ...]


@dataclass(frozen=True)
class Body:
    """A rigid body. ``identity`` is its object id in label maps; 0 marks scenery without an id.

    What is ``dynamic`` obeys forces; what is ``kinematic`` instead moves at the velocity it is
    given, whatever it meets; what is neither stands still.
    """

    shapes: tuple[Circle | Polygon, ...]
    position: Point
    angle: float = 0.0
    dynamic: bool = True
    velocity: Point = (0.0, 0.0)
    angular_velocity: float = 0.0
    density: float = 1.0
    friction: float = 0.3
    restitution: float = 0.2
    linear_damping: float = 0.0
    angular_damping: float = 0.01
    identity: int = 0
    kind: str = "other"
    colour: str = "gray"
    kinematic: bool = False

    def __post_init__(self) -> None:
        """Refuse a body that both obeys forces and does not."""
        if self.kinematic and self.dynamic:
            raise ValueError("A kinematic body obeys no forces: give it dynamic=False.")


@dataclass(frozen=True)
class Hinge:
    """Pins body ``a`` to body ``b`` (indices into ``Scene.bodies``) at a world point."""

    a: int
    b: int
    anchor: Point


@dataclass(frozen=True)
class Rod:
    """Keeps two world anchor points of bodies ``a`` and ``b`` at their initial distance."""

    a: int
    b: int
    anchor_a: Point
    anchor_b: Point


@dataclass(frozen=True)
class Scene:
    """Bodies, joints and the constants of the engine.

    ``sleeping`` lets bodies at rest be skipped, ``continuous`` stops fast bodies at the moment they
    would pass through static ones. Both let bodies that never touch influence each other in the
    last digits; switched off, removing an object changes nothing that it cannot reach by contact.
    ``gravity`` points along y and ``sideways`` is its part along x, both in m/s^2.
    """

    bodies: tuple[Body, ...]
    width: float
    height: float
    joints: tuple[Hinge | Rod, ...] = ()
    gravity: float = -9.8
    step_hz: float = 60.0
    velocity_iterations: int = 15
    position_iterations: int = 20
    sleeping: bool = True
    continuous: bool = True
    sideways: float = 0.0

    @property
    def identities(self) -> tuple[int, ...]:
        """Object ids of the scene, ascending."""
        return tuple(sorted({body.identity for body in self.bodies if body.identity}))

    def without(self, identity: int) -> Scene:
        """The same scene where the object ``identity`` never was; joints to it go with it.

        Raises:
            ValueError: the scene has no such object.
        """
        if identity not in self.identities:
            raise ValueError(f"No object {identity} in the scene; it has {self.identities}.")
        kept = [i for i, body in enumerate(self.bodies) if body.identity != identity]
        place = {old: new for new, old in enumerate(kept)}
        joints: list[Hinge | Rod] = []
        for joint in self.joints:
            if joint.a in place and joint.b in place:
                a, b = place[joint.a], place[joint.b]
                joints.append(
                    Hinge(a, b, joint.anchor)
                    if isinstance(joint, Hinge)
                    else Rod(a, b, joint.anchor_a, joint.anchor_b)
                )
        return dataclasses.replace(
            self, bodies=tuple(self.bodies[i] for i in kept), joints=tuple(joints)
        )
