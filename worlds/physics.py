"""Rigid bodies in motion: the only file that knows which engine computes them.

Box2D 2.3 was measured to reproduce the official PHYRE simulator and to be causally exact: what is
not connected to a removed body by contacts moves on bit-identically.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import Box2D
import numpy as np
from numpy.typing import NDArray

from worlds.scene import Body, Circle, Hinge, Point, Rod, Scene
from worlds.trajectory import CONTACT, Trajectory

Pose = tuple[float, float, float]
State = tuple[float, float, float, float, float, float]


class ContactLog(Box2D.b2ContactListener):
    """Sums normal impulses per pair of bodies and step, sub-steps of fast bodies included.

    Reading the contacts after a step would miss those sub-steps, whose impulses the engine does not
    keep. The names of the methods are the engine's.
    """

    def __init__(self, bodies: int) -> None:
        super().__init__()
        self._bodies = bodies
        self._pair: dict[int, int] = {}  # contact -> a * bodies + b
        self._impulse: dict[int, float] = {}
        self._steps: list[int] = []
        self._pairs: list[int] = []
        self._impulses: list[float] = []

    def BeginContact(self, contact: Box2D.b2Contact) -> None:
        """A contact of two fixtures starts; a body may have several."""
        a, b = contact.fixtureA.body.userData, contact.fixtureB.body.userData
        pair = min(a, b) * self._bodies + max(a, b)
        self._pair[int(contact.this)] = pair
        self._impulse.setdefault(pair, 0.0)

    def EndContact(self, contact: Box2D.b2Contact) -> None:
        """A contact of two fixtures ends."""
        self._pair.pop(int(contact.this))

    def PreSolve(self, contact: Box2D.b2Contact, manifold: Box2D.b2Manifold) -> None:
        """Nothing, but cheaper than the engine's own empty method called from here."""

    def PostSolve(self, contact: Box2D.b2Contact, impulse: Box2D.b2ContactImpulse) -> None:
        """A contact has been solved, in a step or in a sub-step."""
        pair = self._pair[int(contact.this)]
        self._impulse[pair] = self._impulse.get(pair, 0.0) + sum(impulse.normalImpulses)

    def close_step(self, step: int) -> None:
        """Write the rows of one step: pairs that were solved in it or that rest in contact."""
        rows = self._impulse
        for pair in self._pair.values():
            rows.setdefault(pair, 0.0)
        self._steps.extend([step] * len(rows))
        self._pairs.extend(rows)
        self._impulses.extend(rows.values())
        self._impulse = {}

    def table(self) -> NDArray[np.void]:
        """All rows so far, ordered by step, then by pair."""
        pairs = np.asarray(self._pairs, np.int64)
        rows = np.zeros(len(pairs), CONTACT)
        rows["step"], rows["impulse"] = self._steps, self._impulses
        rows["a"], rows["b"] = np.divmod(pairs, max(self._bodies, 1))
        return rows[np.lexsort((pairs, rows["step"]))]


class World:
    """A scene in the engine, advanced step by step. Bodies are created in the scene's order."""

    def __init__(self, scene: Scene, *, log_contacts: bool = True) -> None:
        self.scene = scene
        self.step_count = 0
        self._log = ContactLog(len(scene.bodies)) if log_contacts else None
        self._world = Box2D.b2World(
            gravity=(scene.sideways, scene.gravity), continuousPhysics=scene.continuous
        )
        if self._log is not None:
            self._world.contactListener = self._log
        self._bodies = [self._create(i, body) for i, body in enumerate(scene.bodies)]
        for joint in scene.joints:
            self._join(joint)
        # Views into the engine's memory: they follow the bodies without further calls.
        self._views = [(b.position, b, b.linearVelocity) for b in self._bodies]

    def _create(self, index: int, body: Body) -> Box2D.b2Body:
        create = self._world.CreateDynamicBody if body.dynamic else self._world.CreateStaticBody
        if body.kinematic:
            create = self._world.CreateKinematicBody
        made = create(
            position=body.position,
            angle=body.angle,
            linearVelocity=body.velocity,
            angularVelocity=body.angular_velocity,
            linearDamping=body.linear_damping,
            angularDamping=body.angular_damping,
            allowSleep=self.scene.sleeping,  # the engine ignores the flag of the whole world
            userData=index,
        )
        material = {
            "density": body.density if body.dynamic else 0.0,
            "friction": body.friction,
            "restitution": body.restitution,
        }
        for shape in body.shapes:
            if isinstance(shape, Circle):
                made.CreateCircleFixture(radius=shape.radius, pos=shape.centre, **material)
            else:
                made.CreatePolygonFixture(vertices=list(shape.vertices), **material)
        return made

    def _join(self, joint: Hinge | Rod) -> None:
        a, b = self._bodies[joint.a], self._bodies[joint.b]
        if isinstance(joint, Hinge):
            self._world.CreateRevoluteJoint(bodyA=a, bodyB=b, anchor=joint.anchor)
        else:
            self._world.CreateDistanceJoint(
                bodyA=a, bodyB=b, anchorA=joint.anchor_a, anchorB=joint.anchor_b
            )

    def step(self) -> None:
        """Advance by ``1 / scene.step_hz`` seconds."""
        scene = self.scene
        self._world.Step(1.0 / scene.step_hz, scene.velocity_iterations, scene.position_iterations)
        self.step_count += 1
        if self._log is not None:
            self._log.close_step(self.step_count)

    def set_velocity(self, body: int, velocity: Point) -> None:
        """Give a body another velocity, m/s; a kinematic one keeps it."""
        self._bodies[body].linearVelocity = velocity

    def set_position(self, body: int, position: Point) -> None:
        """Move a body at once, m; it keeps its angle, its velocity and its contacts."""
        self._bodies[body].transform = (position, self._bodies[body].angle)

    def restart(self, poses: Mapping[int, Pose]) -> None:
        """Put bodies at rest in other poses and forget their contacts.

        What follows depends on nothing that was before, bit by bit, if ``poses`` names every body
        that ever moves, always in the same order.
        """
        bodies = [self._bodies[index] for index in poses]
        # Contacts are solved in the order of numbers that the engine hands out again last in, first
        # out: taking the bodies away once reverses the order, twice restores it.
        for _ in range(2):
            for body in bodies:
                body.active = False
            for body, (x, y, angle) in zip(bodies, poses.values(), strict=True):
                body.transform = ((x, y), angle)
                body.linearVelocity = (0.0, 0.0)
                body.angularVelocity = 0.0
                body.active = True
        # Bodies that come back meet others only when one of them is put somewhere.
        last = bodies[-1]
        last.transform = (last.position, last.angle)

    def pose(self, body: int) -> Pose:
        """Position in metres and angle in rad of a body."""
        view, engine_body, _ = self._views[body]
        return view.x, view.y, engine_body.angle

    def position(self, body: int) -> Point:
        """Where the origin of a body is, in metres."""
        view = self._views[body][0]
        return view.x, view.y

    def touching(self, a: int, b: int) -> bool:
        """Whether two bodies are in contact. Cheapest when ``a`` is the one with fewer contacts."""
        other = self._bodies[b]
        return any(e.other == other and e.contact.touching for e in self._bodies[a].contacts_gen)

    def states(self) -> list[State]:
        """Position, angle, velocity and angular velocity of every body."""
        return [(p.x, p.y, b.angle, v.x, v.y, b.angularVelocity) for p, b, v in self._views]

    def contacts(self) -> NDArray[np.void]:
        """The contact log so far, see :class:`worlds.trajectory.Trajectory`; empty if not kept."""
        return np.zeros(0, CONTACT) if self._log is None else self._log.table()


def simulate(
    scene: Scene,
    steps: int,
    *,
    record_every: int = 1,
    record_from: int = 0,
    until: Callable[[World], bool] | None = None,
    log_contacts: bool = True,
) -> Trajectory:
    """Run a scene and record it.

    Args:
        scene: what to simulate.
        steps: how many steps to make at most.
        record_every: record every so many steps.
        record_from: number of steps before the first recorded frame; 0 records the start.
        until: asked after every step; the run ends when it says yes.
        log_contacts: whether to keep the contact log, about as costly as the physics itself.

    Raises:
        ValueError: a count that makes no sense.
    """
    if steps < 0 or record_every < 1 or record_from < 0:
        raise ValueError(
            "Expected steps >= 0, record_every >= 1 and record_from >= 0; "
            f"got {steps}, {record_every} and {record_from}."
        )
    world = World(scene, log_contacts=log_contacts)
    frames = [world.states()] if record_from == 0 else []
    recorded = [0] if record_from == 0 else []
    stopped_at = None
    for step in range(1, steps + 1):
        world.step()
        if step >= record_from and (step - record_from) % record_every == 0:
            frames.append(world.states())
            recorded.append(step)
        if until is not None and until(world):
            stopped_at = step
            break
    shape = (len(frames), len(scene.bodies), 6)
    return Trajectory(
        states=np.array(frames, np.float64).reshape(shape),
        steps=np.array(recorded, np.int64),
        contacts=world.contacts(),
        final=np.array(world.states(), np.float64).reshape(shape[1:]),
        stopped_at=stopped_at,
    )
