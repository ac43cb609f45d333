"""A scene as it goes on, and as it would without each of its objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from worlds.craft.arena import Thing
from worlds.craft.events import History, history
from worlds.craft.scene import CraftScene

PERTURBATIONS = 3


@dataclass(frozen=True)
class Worlds:
    """The histories of one start.

    Attributes:
        things: the objects.
        factual: what happens.
        without: what would happen without an object, by its identity.
    """

    things: tuple[Thing, ...]
    factual: History
    without: Mapping[int, History]


def imagine(craft: CraftScene, steps: int) -> Worlds:
    """Simulate a scene with all objects and without each."""
    without = {
        thing.identity: history(craft.without(thing.identity), steps) for thing in craft.things
    }
    return Worlds(craft.things, history(craft, steps), without)


def shaken(craft: CraftScene, steps: int) -> list[Worlds]:
    """The worlds of the scene's perturbed copies, in which an answer must be the same."""
    return [imagine(craft.perturbed(number), steps) for number in range(PERTURBATIONS)]
