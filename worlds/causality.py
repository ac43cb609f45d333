"""Who can influence whom: contacts carry the effect of removing an object, nothing else does.

Two simulations of a scene, with and without an object, are equal until something that the removal
has reached touches something else. So the true causal descendants of an object can be read off the
contact logs of both, and everything outside them must be equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worlds.physics import simulate
from worlds.scene import Circle, Scene
from worlds.trajectory import CONTACT, Trajectory, by_identity

NEVER = np.iinfo(np.int64).max


def causal_descendants(
    contacts: NDArray[np.void],
    identity: int,
    *,
    static: Collection[int] = (),
    joints: Iterable[tuple[int, int]] = (),
) -> dict[int, int]:
    """Objects that the removal of one object may reach, each with the first step of its influence.

    The contacts of one step are closed transitively: the engine solves all bodies that touch each
    other, directly or through others, as one system. Joints connect in every step, like contacts.
    Something static ends a chain, because nothing can change it: two balls on one ramp do not
    influence each other through it. The removed object itself may be static; whatever ever touches
    it is influenced. Identity 0 (floor, walls) is always static and never a descendant.

    Args:
        contacts: rows of :data:`worlds.trajectory.CONTACT` with ``a`` and ``b`` as object ids. For
            the effect of a removal join the logs of both simulations: an object that falls because
            its support is gone touches things it never touched before.
        identity: the object that is removed.
        static: ids of objects that never move.
        joints: pairs of ids that a joint connects.

    Returns:
        Step of the first influence by id, without the removed object itself; 0 for what is joined
        to it. The step ``s`` is the one that leads to recorded step ``s``: states differ from there
        on at the earliest.
    """
    pairs = [(a, b) for a, b in joints if a != b]
    joined = np.array(pairs, np.int64).reshape(-1, 2)
    # A joint holds from step 0 to the end: its row is due whenever one of its ends is reached.
    start = np.concatenate([contacts["step"].astype(np.int64), np.zeros(len(joined), np.int64)])
    until = np.concatenate([contacts["step"].astype(np.int64), np.full(len(joined), NEVER - 1)])
    a = np.concatenate([contacts["a"].astype(np.int64), joined[:, 0]])
    b = np.concatenate([contacts["b"].astype(np.int64), joined[:, 1]])
    source, target = np.concatenate([a, b]), np.concatenate([b, a])
    start, until = np.concatenate([start, start]), np.concatenate([until, until])
    open_to = ~np.isin(target, [0, identity, *static])
    source, target, start, until = (x[open_to] for x in (source, target, start, until))

    reached = np.full(int(max(source.max(initial=0), target.max(initial=0), identity)) + 1, NEVER)
    reached[identity] = 0
    while True:
        due = np.maximum(start, reached[source])
        earlier = (reached[source] <= until) & (due < reached[target])
        if not earlier.any():
            break
        np.minimum.at(reached, target[earlier], due[earlier])
    return {int(i): int(reached[i]) for i in np.flatnonzero(reached < NEVER) if i != identity}


@dataclass(frozen=True)
class Locality:
    """What the removal of one object changed, compared with what it may have changed.

    Attributes:
        removed: id of the object.
        reached: causal descendants with the first step of influence.
        moved: by id of every other object, the largest displacement of any of its points between
            the two simulations, in metres (for a body of radius r: distance + r x angle).
        leaked: the same, but counting only the steps before the influence arrived; all steps for
            objects that are not descendants. Exact causality means 0 for every object.
        identical: whether all states (velocities too) have the same bits up to the influence.
    """

    removed: int
    reached: dict[int, int]
    moved: dict[int, float]
    leaked: dict[int, float]
    identical: dict[int, bool]

    @property
    def unreached(self) -> tuple[int, ...]:
        """Ids of the objects that no contact path connects to the removed one."""
        return tuple(i for i in self.moved if i not in self.reached)


def locality(scene: Scene, steps: int = 240) -> list[Locality]:
    """Simulate a scene once with all objects and once without each; compare the trajectories.

    Raises:
        ValueError: a movable body has no identity, or several bodies share one.
    """
    ids = [body.identity for body in scene.bodies if body.identity]
    nameless = [i for i, body in enumerate(scene.bodies) if body.dynamic and not body.identity]
    if nameless or len(set(ids)) < len(ids):
        raise ValueError(
            "Every movable body needs an identity of its own; "
            f"got identities {ids} and movable bodies {nameless} without one."
        )
    factual = simulate(scene, steps)
    return [compare(scene, factual, identity, steps) for identity in scene.identities]


def compare(scene: Scene, factual: Trajectory, identity: int, steps: int) -> Locality:
    """One entry of :func:`locality`; ``factual`` must hold every step of ``scene``."""
    rest = scene.without(identity)
    other = simulate(rest, steps)
    ids = [body.identity for body in scene.bodies]
    kept = [body.identity for body in rest.bodies]
    log = np.concatenate(
        [by_identity(factual.contacts, ids), by_identity(other.contacts, kept)], dtype=CONTACT
    )
    reached = causal_descendants(
        log,
        identity,
        static={body.identity for body in scene.bodies if not body.dynamic},
        joints=[(ids[joint.a], ids[joint.b]) for joint in scene.joints],
    )
    moved, leaked, identical = {}, {}, {}
    for index, body in enumerate(rest.bodies):
        if not body.identity:
            continue
        before = factual.states[:, ids.index(body.identity)]
        after = other.states[:, index]
        apart = displacement(before, after, radius(scene, body.identity))
        arrival = reached.get(body.identity, steps + 1)
        moved[body.identity] = float(apart.max())
        leaked[body.identity] = float(apart[:arrival].max(initial=0.0))
        identical[body.identity] = before[:arrival].tobytes() == after[:arrival].tobytes()
    return Locality(identity, reached, moved, leaked, identical)


def displacement(
    before: NDArray[np.float64], after: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """Largest distance, in metres, between points of a body in two poses, per frame ``(T, 6)``."""
    gap = before - after
    return np.hypot(gap[:, 0], gap[:, 1]) + reach * np.abs(gap[:, 2])


def radius(scene: Scene, identity: int) -> float:
    """Distance from an object's origin to its farthest point, metres."""
    body = next(body for body in scene.bodies if body.identity == identity)
    return max(
        float(np.hypot(*shape.centre)) + shape.radius
        if isinstance(shape, Circle)
        else max(float(np.hypot(*corner)) for corner in shape.vertices)
        for shape in body.shapes
    )
