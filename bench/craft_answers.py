"""A second way to answer CRAFT-like questions: slow, from their words and from raw simulations.

Nothing of ``worlds.craft`` is used but the scenes and the constants stated in its documentation:
questions are parsed from their text, events are read step by step from the contact log and the
states, and every answer is spelled out again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from worlds.craft.scene import CraftScene
from worlds.physics import simulate
from worlds.scene import Scene

DEEDS = {
    "hit the ground": "ground",
    "hitting the ground": "ground",
    "enter a basket": "enter",
    "entering a basket": "enter",
    "hit a basket": "basket",
    "hitting a basket": "basket",
}
DEED = f"({'|'.join(DEEDS)})"
NAME = r"((?:small|large) \w+ (?:cube|triangle|circle))"
QUIET_STEPS = 6


@dataclass
class Record:
    """What happened in a simulation: first steps by (deed, name), and collisions of objects."""

    first: dict[tuple[str, str], int]
    collisions: list[tuple[int, str, str]]
    at_rest: dict[str, bool]


def record(scene: Scene, names: dict[int, str], steps: int) -> Record:
    """Go through a simulation step by step."""
    played = simulate(scene, steps)
    touching: dict[int, set[tuple[int, int]]] = {}
    for row in played.contacts:
        touching.setdefault(int(row["step"]), set()).add((int(row["a"]), int(row["b"])))
    first: dict[tuple[str, str], int] = {}
    collisions: list[tuple[int, str, str]] = []
    last_seen: dict[tuple[int, int], int] = {}
    for step in range(1, steps + 1):
        for pair in sorted(touching.get(step, set())):
            apart_for = step - last_seen.get(pair, -1000)
            last_seen[pair] = step
            if apart_for > QUIET_STEPS and step > QUIET_STEPS:
                _note(scene, names, pair, step, first, collisions)
        for index, body in enumerate(scene.bodies):
            name = names.get(body.identity) if body.dynamic else None
            if name is None or ("enter", name) in first:
                continue
            before, after = played.states[step - 1, index], played.states[step, index]
            for basket in scene.bodies:
                if basket.kind == "basket" and not _in(basket, before) and _in(basket, after):
                    first["enter", name] = step
    still = {
        names[body.identity]: body.velocity[0] == 0 and body.velocity[1] == 0
        for body in scene.bodies
        if body.identity in names
    }
    return Record(first, collisions, still)


def _note(
    scene: Scene,
    names: dict[int, str],
    pair: tuple[int, int],
    step: int,
    first: dict[tuple[str, str], int],
    collisions: list[tuple[int, str, str]],
) -> None:
    one, two = (scene.bodies[index] for index in pair)
    if one.dynamic and two.dynamic:
        collisions.append((step, names[one.identity], names[two.identity]))
        return
    fixed, free = (one, two) if two.dynamic else (two, one)
    if fixed.kind in ("ground", "basket"):
        first.setdefault((fixed.kind, names[free.identity]), step)


def _in(basket: Any, state: Any) -> bool:
    """Whether the centre is between the walls, above the floor and below the rim."""
    floor, left, right = (part.vertices for part in basket.shapes)
    x, y = state[0] - basket.position[0], state[1] - basket.position[1]
    between = max(p[0] for p in left) < x < min(p[0] for p in right)
    return bool(between and max(p[1] for p in floor) < y < max(p[1] for p in left))


class Answerer:
    """Answers questions about one scene; every simulation is made anew when first needed."""

    def __init__(self, craft: CraftScene, steps: int) -> None:
        self.craft, self.steps = craft, steps
        self.names = {thing.identity: thing.phrase for thing in craft.things}
        self.identities = {name: identity for identity, name in self.names.items()}
        self._records: dict[str, Record] = {}

    def world(self, removed: str = "") -> Record:
        """The record of the scene, or of the scene that never had one object."""
        if removed not in self._records:
            scene, names = self.craft.scene, dict(self.names)
            if removed:
                gone = self.identities[removed]
                bodies = tuple(body for body in scene.bodies if body.identity != gone)
                scene = Scene(**{**scene.__dict__, "bodies": bodies})
                del names[gone]
            self._records[removed] = record(scene, names, self.steps)
        return self._records[removed]

    def answer(self, question: str) -> str:
        """The answer as text.

        Raises:
            ValueError: no pattern fits the question.
        """
        for pattern, rule in RULES:
            if found := re.fullmatch(pattern, question, re.IGNORECASE):
                return str(rule(self, *(word.lower() for word in found.groups())))
        raise ValueError(f"No rule reads the question {question!r}.")

    def shown(self, question: str) -> tuple[bool, bool]:
        """Of a causal question: whether the outcome happens to P, and whether P starts at rest."""
        deed = re.search(DEED, question)
        role = r"(?:cause|cause of|enable|enables|prevent|keep|will) the"
        name = re.search(rf"\b{role} {NAME}", question, re.IGNORECASE)
        if deed is None or name is None:
            return False, False
        world = self.world()
        return (DEEDS[deed[1]], name[1]) in world.first, world.at_rest[name[1]]


def _causal(me: Answerer, kind: str, other: str, name: str, deed: str) -> bool:
    happens = (DEEDS[deed], name) in me.world().first
    would = (DEEDS[deed], name) in me.world(other).first
    rests = me.world().at_rest[name]
    if kind == "cause":
        return happens and not would and rests
    if kind == "enable":
        return happens and not would and not rests
    return not happens and would and not rests


def _would(me: Answerer, name: str, deed: str, other: str) -> bool:
    return (DEEDS[deed], name) in me.world(other).first


def _moments(me: Answerer, deed: str) -> list[tuple[int, str]]:
    return sorted((s, name) for (what, name), s in me.world().first.items() if what == DEEDS[deed])


def _earlier(me: Answerer, one: str, deed: str, two: str) -> bool:
    first = me.world().first
    return first[DEEDS[deed], one] < first[DEEDS[deed], two]


def _fits(name: str, counted: str) -> bool:
    word = counted.split()[0]
    return word == "objects" or word.removesuffix("s") in name.split() or word in name.split()


def _around(me: Answerer, deed: str, order: str) -> int:
    pivot = me.world().collisions[0][0]
    steps = [step for step, _ in _moments(me, deed)]
    return len([s for s in steps if (s < pivot if order == "before" else s > pivot)])


def _partners(me: Answerer, name: str) -> list[str]:
    """In the order of the collisions."""
    found = []
    for _, one, two in me.world().collisions:
        if name in (one, two):
            found.append(two if name == one else one)
    return found


def _trait(name: str, attribute: str) -> str:
    return name.split()[("size", "color", "shape").index(attribute)]


Rule = Callable[..., object]
RULES: list[tuple[str, Rule]] = [
    (
        rf"Does the {NAME} (cause|enable) the {NAME} to {DEED}\?",
        lambda m, a, k, p, e: _causal(m, k, a, p, e),
    ),
    (
        rf"Is the {NAME} the cause of the {NAME} {DEED}\?",
        lambda m, a, p, e: _causal(m, "cause", a, p, e),
    ),
    (
        rf"Is it the {NAME} that enables the {NAME} to {DEED}\?",
        lambda m, a, p, e: _causal(m, "enable", a, p, e),
    ),
    (
        rf"Does the {NAME} (prevent|keep) the {NAME} from {DEED}\?",
        lambda m, a, _, p, e: _causal(m, "prevent", a, p, e),
    ),
    (rf"Will the {NAME} {DEED} if the {NAME} is removed\?", _would),
    (rf"If the {NAME} is removed, will the {NAME} {DEED}\?", lambda m, a, p, e: _would(m, p, e, a)),
    (rf"Does the {NAME} {DEED}\?", lambda m, p, e: (DEEDS[e], p) in m.world().first),
    (rf"Does the {NAME} {DEED} before the {NAME}\?", _earlier),
    (rf"Is the {NAME} earlier to {DEED} than the {NAME}\?", _earlier),
    (rf"Does the {NAME} collide with the {NAME}\?", lambda m, p, q: q in _partners(m, p)),
    (rf"Is the {NAME} moving at the start\?", lambda m, p: not m.world().at_rest[p]),
    (rf"How many ([\w ]+) {DEED}\?", lambda m, c, e: sum(_fits(n, c) for _, n in _moments(m, e))),
    (
        r"How many ([\w ]+) are moving at the start\?",
        lambda m, c: sum(_fits(n, c) and not r for n, r in m.world().at_rest.items()),
    ),
    (rf"How many objects does the {NAME} collide with\?", lambda m, p: len(set(_partners(m, p)))),
    (rf"How many objects {DEED} (before|after) two objects first collide\?", _around),
    (
        rf"(before|after) two objects first collide, how many objects {DEED}\?",
        lambda m, o, e: _around(m, e, o),
    ),
    (
        rf"What is the (\w+) of the first object to {DEED}\?",
        lambda m, a, e: _trait(_moments(m, e)[0][1], a),
    ),
    (
        rf"What is the (\w+) of the last object to {DEED}\?",
        lambda m, a, e: _trait(_moments(m, e)[-1][1], a),
    ),
    (
        rf"What is the (\w+) of the object that the {NAME} collides with first\?",
        lambda m, a, p: _trait(_partners(m, p)[0], a),
    ),
]
