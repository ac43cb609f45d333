"""Hand-made CRAFT-like scenes whose answers follow from a drawing."""

from __future__ import annotations

import numpy as np

from worlds.craft.arena import GROUND, Arena
from worlds.craft.scene import CraftScene, dress

STEPS = 240
TOP = 10.0


def finished(arena: Arena) -> CraftScene:
    things, scene = arena.things(), arena.scene()
    return CraftScene("hand", 0, scene, things, dress(things, scene, np.random.default_rng(0)))


def pushed(*, speed: float = 0.0) -> CraftScene:
    """1 slides fast into 2, near the edge of a platform; 3 rests on the ground below.

    With a ``speed``, 2 moves at the start, but would stop before the edge.
    """
    arena = Arena(np.random.default_rng(0))
    arena.platform(0.5, 16.0, TOP)
    arena.rest(3.0, TOP, size="large", shape="cube", velocity=(14.0, 0.0))
    arena.rest(12.0, TOP, size="small", shape="cube", velocity=(speed, 0.0))
    arena.rest(4.0, GROUND, size="small", shape="cube")
    return finished(arena)


def blocked() -> CraftScene:
    """1 slides into 2, large and at rest, and stays; without 2 it would fall into a basket."""
    arena = Arena(np.random.default_rng(1))
    arena.platform(0.5, 16.0, TOP)
    arena.basket(20.0, 7.5, 4.0)
    arena.rest(7.0, TOP, size="small", shape="cube", velocity=(7.0, 0.0))
    arena.rest(11.0, TOP, size="large", shape="cube")
    return finished(arena)


def carried() -> CraftScene:
    """2 rests on 1, which rests on the ground."""
    arena = Arena(np.random.default_rng(2))
    level = arena.rest(16.0, GROUND, size="large", shape="cube")
    arena.rest(16.0, level, size="small", shape="cube")
    return finished(arena)


def dropped(x: float, *, basket: float = 16.0) -> CraftScene:
    """1 falls straight down at ``x``, above or beside a basket 6 m wide."""
    arena = Arena(np.random.default_rng(3))
    arena.basket(basket, 6.0, 4.0)
    arena.throw((x, 20.0), (0.0, -1.0), size="small", shape="circle")
    return finished(arena)
