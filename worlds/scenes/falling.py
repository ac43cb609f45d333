"""Layouts in which things fall: on stacks and bridges, through funnels, past pegs, in baskets."""

from __future__ import annotations

from worlds.scene import Point
from worlds.scenes.shapes import Shapes, ball, block, cup
from worlds.scenes.stage import FLOOR, GAP, SIZE, Stage


def stack(stage: Stage) -> None:
    """Two towers on tables of their own; something flies into one, something drops on the other."""
    middles = (stage.uniform(2.5, 3.1), stage.uniform(5.2, 5.9))
    tops = []
    for middle in middles:
        ground = FLOOR + stage.uniform(0.5, 1.4)
        stage.fixed("support", *pedestal(middle, 1.6, ground))
        tops.append(tower(stage, middle, ground, levels=stage.count(2, 3)))
    size = stage.uniform(0.75, 1.05)
    height = stage.uniform(0.65, 0.9) * tops[0] + size / 2
    speed = stage.uniform(5.0, 8.0)
    heavy = stage.material(density=(1.2, 2.4))
    kind, shapes = stage.thing(size)
    start = (0.7, height)
    stage.place(kind, shapes, start, velocity=(speed, stage.uniform(0.5, 2.0)), material=heavy)
    drop = (middles[1] + stage.uniform(-0.6, 0.6), stage.uniform(6.2, 7.2))
    stage.place(*stage.thing(stage.uniform(0.75, 1.05)), drop)


def pedestal(x: float, width: float, top: float) -> tuple[Shapes, Point]:
    """Shapes and position of a block between the floor and a surface at height ``top``."""
    return block(width, top - FLOOR - GAP), (x, (top + FLOOR + GAP) / 2)


def tower(stage: Stage, x: float, ground: float, *, levels: int) -> float:
    """Blocks on top of each other, slightly shifted; returns the height of the tower's top."""
    width = stage.uniform(0.95, 1.35)
    for _ in range(levels):
        height = stage.uniform(0.55, 0.85)
        material = stage.material(bounce=(0.0, 0.1))
        stage.rest("box", block(width, height), x + stage.uniform(-0.12, 0.12), ground, material)
        ground += height + GAP
        width *= stage.uniform(0.8, 1.0)
    return ground


def funnel(stage: Stage) -> None:
    """Things slide down two slopes and drop through the gap between them onto what stands below."""
    middle, mouth = stage.uniform(3.5, 4.5), stage.uniform(1.3, 1.6)
    length, y = stage.uniform(2.2, 2.6), stage.uniform(3.9, 4.3)
    for side in (-1, 1):
        steep = stage.uniform(0.55, 0.85)
        x = middle + side * (mouth / 2 + 0.4 * length)
        stage.fixed("slope", block(length, 0.34), (x, y), angle=side * steep)
    for i in range(stage.count(3, 4)):
        x = middle + (-1) ** i * stage.uniform(0.6, 1.5)
        speed = stage.uniform(-1.0, 1.0)
        stage.place(
            *stage.thing(stage.uniform(0.65, 0.85)), (x, 5.6 + 0.6 * i), velocity=(speed, 0)
        )
    stage.rest("box", block(stage.uniform(1.0, 1.5), stage.uniform(0.7, 1.1)), middle, FLOOR)
    stage.rest(*stage.thing(stage.uniform(0.7, 1.0)), stage.uniform(0.9, 1.8), FLOOR)


def basket(stage: Stage) -> None:
    """Things are thrown at a basket; a plank in the air keeps some of them out."""
    middle = stage.uniform(4.9, 5.9)
    width, height, wall = stage.uniform(2.2, 2.6), stage.uniform(1.2, 1.6), 0.28
    ground = FLOOR
    if stage.chance(0.5):
        ground += stage.uniform(0.5, 0.9)
        stage.fixed("support", *pedestal(middle, 1.5, ground))
    stage.rest("basket", cup(width, height, wall), middle, ground)
    stage.rest(*stage.thing(stage.uniform(0.6, 0.8)), middle, ground + wall + GAP)
    plank = (middle + stage.uniform(-1.8, 0.0), ground + height + stage.uniform(1.3, 1.9))
    tilt = stage.uniform(-0.7, 0.7)
    stage.fixed("plank", block(stage.uniform(0.8, 1.3), 0.34), plank, angle=tilt)
    for i in range(stage.count(3, 4)):
        x, y = stage.uniform(0.5, 0.7) + 0.95 * i, stage.uniform(3.4, 7.0)
        flight = stage.uniform(0.8, 1.3)
        # Ballistics: where the thing is after ``flight`` seconds, were nothing in its way.
        aim = middle + stage.uniform(-0.7, 0.7), ground + height
        velocity = (aim[0] - x) / flight, (aim[1] - y) / flight + 4.9 * flight
        stage.place(*stage.thing(stage.uniform(0.55, 0.75)), (x, y), velocity=velocity)


def pegs(stage: Stage) -> None:
    """Balls fall through a field of fixed pegs onto what stands below."""
    for y, places in ((5.0, (2.6, 5.4)), (3.5, (1.4, 4.0, 6.6))):
        for x in places:
            spot = (x + stage.uniform(-0.35, 0.35), y + stage.uniform(-0.25, 0.25))
            stage.fixed("peg", ball(stage.uniform(0.26, 0.4)), spot)
    columns = stage.rng.permutation(5)[: stage.count(3, 4)]
    for column in columns:
        spot = (1.5 + 1.25 * float(column) + stage.uniform(-0.15, 0.15), stage.uniform(6.2, 7.3))
        speed = stage.uniform(-1.0, 1.0)
        material = stage.material(bounce=(0.2, 0.6))
        shapes = ball(stage.uniform(0.34, 0.5))
        stage.place("ball", shapes, spot, velocity=(speed, 0.0), material=material)
    for x in (stage.uniform(1.6, 3.2), stage.uniform(4.8, 6.4)):
        stage.rest(*stage.thing(stage.uniform(0.8, 1.1), round_too=False), x, FLOOR)


def bridge(stage: Stage) -> None:
    """A deck on two pillars carries a load; more falls on it, and something stands underneath."""
    left, right = stage.uniform(1.9, 2.4), stage.uniform(5.6, 6.1)
    top = FLOOR + stage.uniform(1.6, 2.4)
    loose = stage.chance(0.5)
    for x in (left, right):
        shapes, position = pedestal(x, stage.uniform(0.6, 0.9), top)
        still = stage.material(bounce=(0.0, 0.0))
        stage.place("pillar", shapes, position, dynamic=loose, material=still)
    thick = stage.uniform(0.32, 0.42)
    stage.rest(
        "plank", block(right - left + stage.uniform(0.9, 1.5), thick), (left + right) / 2, top
    )
    for x in (left + 0.3, (left + right) / 2 + 0.4)[: stage.count(1, 2)]:
        kind, shapes = stage.thing(stage.uniform(0.7, 0.95), round_too=False)
        stage.rest(kind, shapes, x + stage.uniform(-0.2, 0.2), top + GAP + thick)
    for x in (stage.uniform(2.8, 3.6), stage.uniform(4.7, 6.3))[: stage.count(1, 2)]:
        stage.place(*stage.thing(stage.uniform(0.75, 1.1)), (x, stage.uniform(5.6, 7.2)))
    under = (left + right) / 2 + stage.uniform(-0.4, 0.4)
    push = (stage.uniform(-3.0, 3.0), 0.0)
    stage.rest(*stage.thing(stage.uniform(0.7, 1.0)), under, FLOOR, velocity=push)
    if not loose:
        stage.rest(*stage.thing(stage.uniform(0.6, 0.8)), SIZE - stage.uniform(0.5, 0.9), FLOOR)
