"""What a question asks, as an operation with arguments, and its answer in given worlds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from worlds.craft.arena import Thing
from worlds.craft.events import COLLIDE_OBJECT, Event, takers
from worlds.craft.imagined import Worlds
from worlds.craft.semantics import RELATIONS, Facts


@dataclass(frozen=True)
class Program:
    """An operation, key of :data:`OPERATIONS`, and its arguments; unused ones are empty.

    Attributes:
        op: what is asked.
        event: kind of event.
        thing: identity of the object that is asked about.
        other: identity of a second object; in causal questions the one that is removed.
        keep: size or shape that counted objects must have.
        attribute: size, colour or shape.
        order: first or last; before or after.
    """

    op: str
    event: str = ""
    thing: int = 0
    other: int = 0
    keep: str = ""
    attribute: str = ""
    order: str = ""

    def to_json(self) -> dict[str, Any]:
        """Without what is empty."""
        return {name: value for name, value in asdict(self).items() if value}


def answer(program: Program, worlds: Worlds) -> str | None:
    """The answer: True or False, a number, or the name of a size, colour or shape.

    None where the question has none, because what it takes for granted does not happen or two
    objects are first at once.
    """
    value = OPERATIONS[program.op](program, worlds)
    return None if value is None else str(value)


def facts(program: Program, worlds: Worlds) -> Facts:
    """What a causal question depends on."""
    return Facts(
        worlds.factual.happens(program.event, program.thing),
        worlds.without[program.other].happens(program.event, program.thing),
        program.thing in worlds.factual.moving,
    )


def _relation(program: Program, worlds: Worlds) -> bool:
    return RELATIONS[program.op](facts(program, worlds))


def _happens(program: Program, worlds: Worlds) -> bool:
    return worlds.factual.happens(program.event, program.thing)


def _collide(program: Program, worlds: Worlds) -> bool:
    pair = {program.thing, program.other}
    return any(pair == set(takers(event)) for event in _collisions(worlds))


def _earlier(program: Program, worlds: Worlds) -> bool | None:
    one = worlds.factual.first(program.event, program.thing)
    two = worlds.factual.first(program.event, program.other)
    if one is None or two is None or one.step == two.step:
        return None
    return one.step < two.step


def _moving(program: Program, worlds: Worlds) -> bool:
    return program.thing in worlds.factual.moving


def _count(program: Program, worlds: Worlds) -> int:
    kept = [t for t in worlds.things if program.keep in ("", t.size, t.shape)]
    return sum(worlds.factual.happens(program.event, thing.identity) for thing in kept)


def _count_moving(program: Program, worlds: Worlds) -> int:
    kept = [t for t in worlds.things if program.keep in ("", t.size, t.shape)]
    return sum(thing.identity in worlds.factual.moving for thing in kept)


def _count_around(program: Program, worlds: Worlds) -> int | None:
    """Objects to which something first happens before or after the first collision of objects."""
    collisions = _collisions(worlds)
    if not collisions:
        return None
    pivot = collisions[0].step
    steps = [event.step for event in _firsts(program, worlds)]
    if program.order == "before":
        return sum(step < pivot for step in steps)
    return sum(step > pivot for step in steps)


def _partners(program: Program, worlds: Worlds) -> int:
    met = [set(takers(event)) for event in _collisions(worlds) if program.thing in takers(event)]
    return len(set().union(*met) - {program.thing})


def _query(program: Program, worlds: Worlds) -> str | None:
    """Attribute of the object to which something first happens before or after all others."""
    found = sorted(_firsts(program, worlds), reverse=program.order == "last")
    if not found or (len(found) > 1 and found[0].step == found[1].step):
        return None
    return _attribute(program, worlds, found[0].thing)


def _query_partner(program: Program, worlds: Worlds) -> str | None:
    """Attribute of the object that an object collides with first."""
    met = [event for event in _collisions(worlds) if program.thing in takers(event)]
    if not met or (len(met) > 1 and met[0].step == met[1].step):
        return None
    (partner,) = set(takers(met[0])) - {program.thing}
    return _attribute(program, worlds, partner)


def _collisions(worlds: Worlds) -> list[Event]:
    return [event for event in worlds.factual.events if event.kind == COLLIDE_OBJECT]


def _firsts(program: Program, worlds: Worlds) -> list[Event]:
    """Of each object, the first event of the kind."""
    found = (worlds.factual.first(program.event, thing.identity) for thing in worlds.things)
    return [event for event in found if event is not None]


def _attribute(program: Program, worlds: Worlds, identity: int) -> str:
    thing: Thing = next(t for t in worlds.things if t.identity == identity)
    return {"size": thing.size, "color": thing.colour, "shape": thing.shape}[program.attribute]


OPERATIONS: Mapping[str, Callable[[Program, Worlds], bool | int | str | None]] = {
    **dict.fromkeys(RELATIONS, _relation),
    "happens": _happens,
    "collide": _collide,
    "earlier": _earlier,
    "moving": _moving,
    "count": _count,
    "count_moving": _count_moving,
    "count_around": _count_around,
    "partners": _partners,
    "query": _query,
    "query_partner": _query_partner,
}
