"""Designed CRAFT-like layouts, in which objects push, catch, block and support each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from worlds.craft.arena import GRAVITY, GROUND, SIZES, WIDTH, Arena


def push(arena: Arena) -> None:
    """Something slides into things at rest near the edge of a platform, above a basket."""
    top, edge = arena.uniform(13, 18), arena.uniform(13, 16)
    arena.platform(0.3, edge, top)
    arena.rest(2.2, top, velocity=(arena.uniform(8, 14), 0.0))
    arena.rest(edge - arena.uniform(1.0, 2.2), top)
    if arena.chance(0.6):
        arena.rest(edge - arena.uniform(5.8, 6.8), top)
    arena.basket(edge + arena.uniform(3.5, 8), arena.uniform(5, 6.5), arena.uniform(3, 5))
    fall = arena.uniform(edge + 3, WIDTH - 3)
    arena.throw((fall, arena.uniform(23, 29)), (arena.uniform(-4, 2), -arena.uniform(1, 5)))
    arena.rest(arena.uniform(2.5, edge - 2), GROUND)


def slide(arena: Arena) -> None:
    """Two things slide down a ramp into what rests at its foot; something comes the other way."""
    foot, level = arena.uniform(9.5, 11), arena.uniform(8, 12)
    high = level + arena.uniform(7, 10)
    arena.ramp((0.9, high), (foot, level))
    edge = foot + arena.uniform(6, 8)
    arena.platform(foot, edge, level)
    slope = (high - level) / (foot - 0.9)
    lift = 2.45 * math.hypot(1, slope)  # no object reaches farther than 2.3 m
    for x in (2.6, 7.4):
        speed = arena.uniform(1, 4)
        arena.throw((x, high - slope * (x - 0.9) + lift), (speed, -slope * speed))
    arena.rest(edge - arena.uniform(1.0, 3.5), level)
    arena.basket(edge + arena.uniform(4, 8), arena.uniform(5, 6.5), arena.uniform(3, 5))
    arena.throw((WIDTH - 2.5, arena.uniform(14, 22)), (-arena.uniform(3, 9), arena.uniform(1, 6)))
    arena.rest(arena.uniform(3, edge - 2), GROUND)


def lob(arena: Arena, start: tuple[float, float], goal: tuple[float, float], time: float) -> None:
    """Throw something so that it is at ``goal`` after ``time`` seconds, if nothing meets it."""
    rise = (goal[1] - start[1]) / time - GRAVITY * time / 2
    arena.throw(start, ((goal[0] - start[0]) / time, rise))


def interception(arena: Arena) -> None:
    """Things thrown at a basket from the left; others are thrown into their way from the right."""
    x, height = arena.uniform(14, 19), arena.uniform(3, 5)
    arena.basket(x, arena.uniform(5, 6.5), height)
    arena.platform(x + 5.5, WIDTH - 0.3, arena.uniform(6, 8))
    for i, y in enumerate((arena.uniform(4, 6), arena.uniform(12, 15))):
        start, time = (2.5 + i, y), arena.uniform(1.3, 1.8)
        goal = (x + arena.uniform(-1.2, 1.2), GROUND + height)
        lob(arena, start, goal, time)
        share = arena.uniform(0.45, 0.8)
        moment = share * time
        meeting = (
            start[0] + share * (goal[0] - start[0]),
            start[1] + share * (goal[1] - start[1]) - GRAVITY * time**2 * share * (1 - share) / 2,
        )
        if arena.chance(0.75):
            lob(arena, (WIDTH - 2.5 - 3 * i, 13.0 + 6 * i), meeting, moment)
    if arena.chance(0.7):
        arena.throw((x, arena.uniform(26, 29)), (arena.uniform(-1.5, 1.5), -arena.uniform(1, 6)))
    arena.rest(arena.uniform(24, 29), GROUND, size="small")


def blockade(arena: Arena) -> None:
    """From both sides things slide towards a basket; some are stopped by what rests in the way."""
    gap = arena.uniform(6.5, 8)
    for side in (-1, 1):
        edge, wall = WIDTH / 2 + side * gap / 2, WIDTH / 2 + side * (WIDTH / 2 - 0.3)
        top = arena.uniform(8, 17)
        arena.platform(min(edge, wall), max(edge, wall), top)
        speed = arena.uniform(6, 13)
        arena.rest(wall - side * 1.9, top, velocity=(-side * speed, 0.0))
        if arena.chance(0.75):
            size = "large" if arena.chance(0.6) else "small"
            arena.rest(edge + side * arena.uniform(0.9, 4), top, size=size)
    middle = WIDTH / 2 + arena.uniform(-2, 2)
    arena.basket(middle, arena.uniform(5, 6.5), arena.uniform(3, 5))
    arena.throw((middle, arena.uniform(22, 28)), (arena.uniform(-3, 3), -arena.uniform(1, 6)))


def tower(arena: Arena) -> None:
    """Shots at a tower on a platform; what they knock down falls on the ground or in a basket."""
    middle, top = arena.uniform(13, 15), arena.uniform(5, 9)
    arena.platform(middle - 3, middle + 2.5, top)
    level, levels = top, 2 + arena.chance(0.5)
    for i in range(levels):
        last = i == levels - 1
        size = "small" if i else "large"
        shape = None if last else "cube"
        level = arena.rest(middle + arena.uniform(-0.2, 0.2), level, size=size, shape=shape)
    arena.basket(middle + arena.uniform(6.5, 9), arena.uniform(5, 6.5), arena.uniform(3, 4.5))
    for i in range(2):
        start = (2.0, top + 1 + arena.uniform(0, 3) + 5.5 * i)
        goal = (middle, top + arena.uniform(1, 5))
        lob(arena, start, goal, arena.uniform(0.7, 1.1))
    arena.throw((WIDTH - 3, arena.uniform(12, 24)), (-arena.uniform(3, 8), arena.uniform(-4, 4)))


def stairs(arena: Arena) -> None:
    """Things at rest on descending platforms: one set off from above may set off all others."""
    x, top = 0.3, arena.uniform(21, 23)
    for i in range(3):
        width = arena.uniform(6.5, 7.5)
        arena.platform(x, x + width, top)
        if i == 0:
            arena.rest(x + 1.7, top, velocity=(arena.uniform(6, 12), 0.0))
        arena.rest(x + width - arena.uniform(0.7, 1.6), top, size="small")
        x += width - arena.uniform(-0.5, 0.5)
        top -= arena.uniform(4.8, 5.8)
    arena.basket(min(x + arena.uniform(2.5, 5), 28.5), arena.uniform(4.5, 6), 3.5)
    if arena.chance(0.6):
        arena.throw((WIDTH - 3, arena.uniform(14, 24)), (-arena.uniform(3, 9), 1.0))
    arena.rest(arena.uniform(3, 18), GROUND)


def lid(arena: Arena) -> None:
    """Two narrow baskets, one closed by a thing that may be swept away before others fall in."""
    height, left = arena.uniform(5, 6), arena.uniform(13.5, 15)
    rim = GROUND + height
    arena.basket(left, 3.8, height)
    right = left + arena.uniform(9, 11)
    arena.basket(right, arena.uniform(5, 6.5), height - 1)
    arena.platform(0.3, left - 2.1, rim)
    arena.rest(left, rim, size="large", shape="cube")
    if arena.chance(0.8):
        arena.rest(2.5, rim, velocity=(arena.uniform(9, 15), 0.0))
    fall = arena.uniform(0.6, 2.2)  # s
    speed = arena.uniform(-6, 6)
    drop = rim + 3 + min(speed * fall - GRAVITY * fall**2 / 2, 20)
    arena.throw(
        (left + arena.uniform(-0.5, 0.5), max(drop, rim + 5)),
        (0.0, -abs(speed) - 0.5),
        size="small",
    )
    start = (right + arena.uniform(-1, 1), arena.uniform(20, 29))
    arena.throw(start, (arena.uniform(-1, 1), -arena.uniform(1, 6)))
    lob(arena, (WIDTH - 2.2, arena.uniform(9, 14)), (right, rim + 1), arena.uniform(0.7, 1.4))


def funnel(arena: Arena) -> None:
    """Things slide down two ramps and through the gap between them, towards a basket."""
    middle, mouth = arena.uniform(14, 18), arena.uniform(3.2, 5)
    level = arena.uniform(11, 14)
    for side in (-1, 1):
        low = middle + side * mouth / 2
        arena.ramp((low + side * 9.5, level + arena.uniform(4, 8)), (low, level))
    arena.basket(middle + arena.uniform(-3, 3), arena.uniform(5, 6.5), arena.uniform(3, 5))
    for i in range(4 + arena.chance(0.4)):
        side = (-1) ** i
        x = middle + side * arena.uniform(1.9, 9.5)
        start = (x, 22.5 + 3.4 * (i // 2) if abs(x - middle) < 4.5 else 25.2 + 3.4 * (i // 2))
        arena.throw(start, (arena.uniform(-2, 2), -arena.uniform(0.5, 4)))
    spot = middle + (1 if arena.chance(0.5) else -1) * arena.uniform(7.5, 11)
    arena.rest(spot, GROUND)


LAYOUTS: Mapping[str, Callable[[Arena], None]] = {
    build.__name__: build
    for build in (push, slide, interception, blockade, tower, stairs, lid, funnel)
}
assert max(SIZES.values()) < WIDTH / 16
