"""What happens in a CRAFT-like scene: collisions and entries into baskets, each with its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worlds.craft.arena import MAX_STEPS, interior
from worlds.craft.scene import CraftScene
from worlds.physics import simulate
from worlds.scene import Scene
from worlds.trajectory import Trajectory

COLLIDE_GROUND = "collide ground"
ENTER_BASKET = "enter basket"
COLLIDE_BASKET = "collide basket"
COLLIDE_OBJECT = "collide object"
OUTCOMES = (COLLIDE_GROUND, ENTER_BASKET, COLLIDE_BASKET)
"""The events E that causal questions ask for."""
KINDS = (*OUTCOMES, COLLIDE_OBJECT)

SETTLED = 6  # steps; who touches by then began in contact and does not collide
APART = 6  # steps without contact after which two bodies collide anew


@dataclass(frozen=True, order=True)
class Event:
    """Something that happens to an object.

    Attributes:
        step: in which it happens, counted from 1; time is ``step / 60`` s.
        kind: one of :data:`KINDS`.
        thing: identity of the object; of two that collide, the smaller.
        other: identity of the basket or the other object; 0 for the ground.
    """

    step: int
    kind: str
    thing: int
    other: int


@dataclass(frozen=True)
class History:
    """The events of one simulation, by time, and who moved at its start."""

    events: tuple[Event, ...]
    moving: frozenset[int]

    @cached_property
    def _first(self) -> dict[tuple[str, int], Event]:
        first: dict[tuple[str, int], Event] = {}
        for event in self.events:
            for thing in takers(event):
                first.setdefault((event.kind, thing), event)
        return first

    def first(self, kind: str, thing: int) -> Event | None:
        """The first event of a kind that an object takes part in, if any."""
        return self._first.get((kind, thing))

    def happens(self, kind: str, thing: int) -> bool:
        """Whether an object takes part in an event of a kind."""
        return (kind, thing) in self._first


def takers(event: Event) -> tuple[int, ...]:
    """The objects that take part in an event."""
    return (event.thing, event.other) if event.kind == COLLIDE_OBJECT else (event.thing,)


def play(craft: CraftScene, steps: int) -> Trajectory:
    """Simulate a scene and record every step.

    Raises:
        ValueError: more steps than CRAFT's videos have.
    """
    if not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"Expected 1 to {MAX_STEPS} steps; got {steps}.")
    return simulate(craft.scene, steps)


def history(craft: CraftScene, steps: int) -> History:
    """Simulate a scene and read its events."""
    return History(read_events(craft.scene, play(craft, steps)), craft.moving)


def read_events(scene: Scene, trajectory: Trajectory) -> tuple[Event, ...]:
    """The events of a trajectory that holds every step, ordered by time."""
    return tuple(sorted([*_collisions(scene, trajectory), *_entries(scene, trajectory)]))


def _collisions(scene: Scene, trajectory: Trajectory) -> Iterator[Event]:
    log = trajectory.contacts
    pairs = log["a"].astype(np.int64) * len(scene.bodies) + log["b"]
    order = np.lexsort((log["step"], pairs))
    pair, step = pairs[order], log["step"][order].astype(np.int64)
    new = np.ones(len(pair), bool)
    new[1:] = pair[1:] != pair[:-1]
    gap = np.full(len(pair), APART)
    gap[1:] = np.diff(step)
    begins = (new | (gap > APART)) & (step > SETTLED)
    for number, moment in zip(pair[begins].tolist(), step[begins].tolist(), strict=True):
        a, b = (scene.bodies[i] for i in divmod(number, len(scene.bodies)))
        if b.dynamic and not a.dynamic:
            a, b = b, a
        if a.dynamic and b.dynamic:
            low, high = sorted((a.identity, b.identity))
            yield Event(moment, COLLIDE_OBJECT, low, high)
        elif b.kind == "ground":
            yield Event(moment, COLLIDE_GROUND, a.identity, 0)
        elif b.kind == "basket":
            yield Event(moment, COLLIDE_BASKET, a.identity, b.identity)


def _entries(scene: Scene, trajectory: Trajectory) -> Iterator[Event]:
    """Steps in which an object's centre comes between the walls of a basket, below its rim."""
    for basket in scene.bodies:
        if basket.kind != "basket":
            continue
        inside = _inside(trajectory.states, *interior(basket))
        enters = inside[1:] & ~inside[:-1]
        for row, body in np.argwhere(enters).tolist():
            if scene.bodies[body].dynamic:
                step = int(trajectory.steps[row + 1])
                thing = scene.bodies[body].identity
                yield Event(step, ENTER_BASKET, thing, basket.identity)


def _inside(
    states: NDArray[np.float64], left: float, right: float, bottom: float, rim: float
) -> NDArray[np.bool_]:
    x, y = states[..., 0], states[..., 1]
    return (left < x) & (x < right) & (bottom < y) & (y < rim)


def count_events(events: Iterable[Event]) -> dict[str, int]:
    """How many events there are of each kind."""
    counts = dict.fromkeys(KINDS, 0)
    for event in events:
        counts[event.kind] += 1
    return counts
