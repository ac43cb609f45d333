"""Layouts in which things fall: onto stacks, through funnels, into baskets, on bridges, past pegs."""

from __future__ import annotations

from worlds.scenes.shapes import ball, block, cup
from worlds.scenes.stage import FLOOR, GAP, SIZE, Stage


def stack(stage: Stage) -> None:
    """Two towers on tables of their own; something flies into one, something drops on the other."""
    middles = (stage.uniform(2.4, 3.0), stage.uniform(5.4, 6.0))
    heights = []
    for middle in middles:
        top = FLOOR + stage.uniform(0.5, 1.4)
        stage.fixed("support", block(1.5, top - FLOOR - GAP), (middle, (top + FLOOR + GAP) / 2))
        heights.append(tower(stage, middle, top, levels=stage.count(2, 3)))
    size = stage.uniform(0.5, 0.8)
    height = stage.uniform(0.6, 0.95) * heights[0] + size
    kind, shapes = stage.thing(size)
    speed = stage.uniform(4.0, 7.0)
    stage.place(kind, shapes, (size, height), velocity=(speed, stage.uniform(0.5, 2.0)))
    kind, shapes = stage.thing(stage.uniform(0.5, 0.8))
    offset = stage.uniform(-0.4, 0.4)
    stage.place(kind, shapes, (middles[1] + offset, stage.uniform(6.2, 7.3)))


def tower(stage: Stage, middle: float, ground: float, *, levels: int) -> float:
    """Blocks on top of each other, slightly shifted; returns the height of the tower's top."""
    width = stage.uniform(0.7, 1.1)
    for _ in range(levels):
        height = stage.uniform(0.45, 0.7)
        x = middle + stage.uniform(-0.1, 0.1)
        material = stage.material(bounce=(0.0, 0.1))
        stage.rest("box", block(width, height), x, ground, material=material)
        ground += height + GAP
        width *= stage.uniform(0.8, 1.0)
    return ground


def funnel(stage: Stage) -> None:
    """Things slide down two slopes and drop through the gap between them onto a box or a shelf."""
    middle = stage.uniform(3.4, 4.6)
    mouth = stage.uniform(0.95, 1.3)
    steep = stage.uniform(0.55, 0.85)
    length = stage.uniform(2.0, 2.4)
    y = stage.uniform(3.9, 4.4)
    for side in (-1, 1):
        reach = mouth / 2 + length / 2 * 0.8
        stage.fixed("slope", block(length, 0.25), (middle + side * reach, y), angle=side * steep)
    for i in range(stage.count(3, 5)):
        kind, shapes = stage.thing(stage.uniform(0.45, 0.65))
        x = middle + (-1) ** i * stage.uniform(0.5, 1.5)
        stage.place(kind, shapes, (x, 5.6 + 0.5 * i), velocity=(stage.uniform(-1, 1), 0.0))
    stage.rest("box", block(stage.uniform(0.8, 1.2), stage.uniform(0.6, 1.0)), middle, FLOOR)
    kind, shapes = stage.thing(stage.uniform(0.5, 0.7))
    stage.rest(kind, shapes, stage.uniform(0.8, 1.6), FLOOR)


def basket(stage: Stage) -> None:
    """Things are thrown at a basket; a plank in the air keeps some of them out."""
    middle, width = stage.uniform(4.8, 6.0), stage.uniform(1.5, 1.9)
    height = stage.uniform(0.9, 1.3)
    if stage.chance(0.5):
        stage.rest("basket", cup(width, height, 0.22), middle, FLOOR)
        ground = FLOOR
    else:
        ground = FLOOR + stage.uniform(0.5, 1.0)
        stage.fixed("support", block(1.1, ground - FLOOR - GAP), (middle, (ground + FLOOR) / 2))
        stage.rest("basket", cup(width, height, 0.22), middle, ground)
    kind, shapes = stage.thing(stage.uniform(0.45, 0.6))
    stage.rest(kind, shapes, middle, ground + 0.22 + GAP)
    plank = (middle + stage.uniform(-1.3, 0.2), ground + height + stage.uniform(1.1, 1.7))
    tilt = stage.uniform(-0.6, 0.6)
    stage.fixed("plank", block(stage.uniform(1.0, 1.6), 0.25), plank, angle=tilt)
    for i in range(stage.count(2, 4)):
        kind, shapes = stage.thing(stage.uniform(0.4, 0.6))
        x = stage.uniform(0.5, 1.0) + 0.75 * i
        flight = stage.uniform(0.9, 1.25)
        y = stage.uniform(4.6, 7.2)
        # Ballistics: where the thing is after ``flight`` seconds, were nothing in its way.
        aim = middle + stage.uniform(-0.6, 0.6), ground + height
        rise = (aim[1] - y) / flight + 4.9 * flight
        stage.place(kind, shapes, (x, y), velocity=((aim[0] - x) / flight, rise))


def pegs(stage: Stage) -> None:
    """Balls fall through a field of fixed pegs onto what stands below."""
    for row, places in enumerate(((2.6, 5.4), (1.6, 4.0, 6.4))):
        for x in places:
            y = 5.0 - 1.5 * row + stage.uniform(-0.25, 0.25)
            radius = stage.uniform(0.2, 0.32)
            stage.fixed("peg", ball(radius), (x + stage.uniform(-0.35, 0.35), y))
    columns = stage.rng.permutation(5)[: stage.count(3, 4)]
    for column in columns:
        radius = stage.uniform(0.24, 0.36)
        x = 1.6 + 1.2 * float(column) + stage.uniform(-0.2, 0.2)
        speed = stage.uniform(-0.8, 0.8)
        position = (x, stage.uniform(6.0, 7.4))
        material = stage.material(bounce=(0.2, 0.6))
        stage.place("ball", ball(radius), position, velocity=(speed, 0.0), material=material)
    for x in (stage.uniform(1.6, 3.2), stage.uniform(4.8, 6.4)):
        kind, shapes = stage.thing(stage.uniform(0.6, 0.9), round_too=False)
        stage.rest(kind, shapes, x, FLOOR)


def bridge(stage: Stage) -> None:
    """A deck on two pillars carries a load; more falls on it, and something stands underneath."""
    left, right = stage.uniform(1.9, 2.5), stage.uniform(5.5, 6.1)
    top = FLOOR + stage.uniform(1.3, 2.2)
    loose = stage.chance(0.5)
    for x in (left, right):
        shapes = block(stage.uniform(0.5, 0.8), top - FLOOR - GAP)
        y = (top + FLOOR + GAP) / 2
        stage.place("pillar", shapes, (x, y), dynamic=loose, material=stage.material(bounce=(0, 0)))
    deck, thick = right - left + stage.uniform(0.9, 1.5), stage.uniform(0.25, 0.35)
    stage.rest("plank", block(deck, thick), (left + right) / 2, top)
    surface = top + GAP + thick
    spots = (left + 0.3, (left + right) / 2, right - 0.3)
    for x in spots[: stage.count(1, 2)]:
        kind, shapes = stage.thing(stage.uniform(0.5, 0.75), round_too=False)
        stage.rest(kind, shapes, x + stage.uniform(-0.1, 0.1), surface)
    for x in (stage.uniform(3.0, 3.6), stage.uniform(4.5, 6.3))[: stage.count(1, 2)]:
        kind, shapes = stage.thing(stage.uniform(0.5, 0.85))
        stage.place(kind, shapes, (x, stage.uniform(5.6, 7.2)))
    kind, shapes = stage.thing(stage.uniform(0.5, 0.8))
    speed = stage.uniform(-2.5, 2.5)
    stage.rest(kind, shapes, (left + right) / 2 + stage.uniform(-0.4, 0.4), FLOOR, velocity=(speed, 0))
    stage.rest(*stage.thing(0.5), SIZE - stage.uniform(0.5, 0.9), FLOOR)
