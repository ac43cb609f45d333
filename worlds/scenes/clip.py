"""A designed scene played: frames, label maps, states and contacts of its objects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worlds.physics import simulate as run
from worlds.scene import Body, Circle
from worlds.scenes.layouts import DesignedScene
from worlds.scenes.render import body_maps, paint_frames
from worlds.scenes.shapes import outline
from worlds.trajectory import Trajectory, by_identity


@dataclass(frozen=True)
class SceneObject:
    """What one object is. ``mass`` in kg, 0 for what never moves (the engine's convention)."""

    identity: int
    kind: str
    shape: str
    colour: str
    pattern: str
    mass: float
    friction: float
    restitution: float
    dynamic: bool


@dataclass(frozen=True)
class SceneClip:
    """A scene and what happened in it; pixels are made when first asked for.

    Attributes:
        designed: the scene and its look.
        trajectory: all bodies, in the order of the scene, at the recorded frames.
        rate: frames per second.
        size: height and width of a frame in pixels.
    """

    designed: DesignedScene
    trajectory: Trajectory
    rate: float
    size: int

    @property
    def identities(self) -> tuple[int, ...]:
        """Ids of the objects, ascending: the order of ``states`` and ``objects``."""
        return self.designed.identities

    @cached_property
    def states(self) -> NDArray[np.float64]:
        """``(T, K, 6)``: x, y in m, angle in rad, velocity in m/s, angular velocity in rad/s."""
        bodies = self.designed.scene.bodies
        place = {body.identity: index for index, body in enumerate(bodies)}
        return self.trajectory.states[:, [place[identity] for identity in self.identities]]

    @cached_property
    def contacts(self) -> NDArray[np.void]:
        """Rows (step, a, b, impulse in N s), ``a < b`` object ids, 0 for floor and walls."""
        ids = [body.identity for body in self.designed.scene.bodies]
        return by_identity(self.trajectory.contacts, ids)

    @cached_property
    def objects(self) -> tuple[SceneObject, ...]:
        """What each object is, in the order of ``identities``."""
        look = self.designed.look
        found = {
            body.identity: describe(body, look.paints[body.identity].pattern)
            for body in self.designed.scene.bodies
            if body.identity
        }
        return tuple(found[identity] for identity in self.identities)

    @cached_property
    def _bodies(self) -> NDArray[np.uint8]:
        return body_maps(self.designed.scene, self.trajectory.states, size=self.size)

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """``(T, size, size)`` object ids, top row first; 0 is background, floor and walls."""
        ids = [0, *(body.identity for body in self.designed.scene.bodies)]
        return np.array(ids, np.uint8)[self._bodies]

    @cached_property
    def frames(self) -> NDArray[np.uint8]:
        """``(T, size, size, 3)`` RGB, top row first."""
        designed = self.designed
        return paint_frames(designed.scene, designed.look, self.trajectory.states, self._bodies)

    def without(self, identity: int) -> SceneClip:
        """The clip of the same scene where one object never was, equally painted.

        Objects that the removal does not reach keep their states to the last bit, and their pixels.

        Raises:
            ValueError: the scene has no such object.
        """
        designed = self.designed.without(identity)
        return simulate(designed, frames=len(self.states), rate=self.rate, size=self.size)


def simulate(
    designed: DesignedScene, *, frames: int = 16, rate: float = 4.0, size: int = 128
) -> SceneClip:
    """Play a scene; the first frame is the start.

    Args:
        designed: from :func:`worlds.scenes.sample`.
        frames: how many frames to record; 16 at 4 Hz span 3.75 s.
        rate: frames per second; must divide the steps per second of the scene.
        size: height and width of a frame in pixels.

    Raises:
        ValueError: ``rate`` does not divide the step rate, or a count is below 1.
    """
    if frames < 1 or size < 1 or rate <= 0:
        raise ValueError(f"Expected frames, size, rate > 0; got {frames}, {size}, {rate}.")
    every = designed.scene.step_hz / rate
    if every != round(every):
        raise ValueError(
            f"The rate must divide {designed.scene.step_hz:g} steps per second; got {rate:g}."
        )
    steps = (frames - 1) * round(every)
    trajectory = run(designed.scene, steps, record_every=round(every))
    return SceneClip(designed, trajectory, rate, size)


def describe(body: Body, pattern: str) -> SceneObject:
    """The entry of one body in the table of objects."""
    return SceneObject(
        identity=body.identity,
        kind=body.kind,
        shape=outline(body.shapes),
        colour=body.colour,
        pattern=pattern,
        mass=mass(body),
        friction=body.friction,
        restitution=body.restitution,
        dynamic=body.dynamic,
    )


def mass(body: Body) -> float:
    """Density times area, shapes that overlap counted as often as they cover (as Box2D does)."""
    if not body.dynamic:
        return 0.0
    area = 0.0
    for shape in body.shapes:
        if isinstance(shape, Circle):
            area += np.pi * shape.radius**2
        else:
            x, y = np.array(shape.vertices).T
            area += 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    return body.density * area
