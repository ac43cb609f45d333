"""Layouts in which things roll or topple: ramps, slopes, dominoes, shelves."""

from __future__ import annotations

import math

from worlds.scene import Point
from worlds.scenes.falling import pedestal, tower
from worlds.scenes.shapes import ball, block, wedge
from worlds.scenes.stage import FLOOR, GAP, SIZE, Stage


def ramp(stage: Stage) -> None:
    """Balls roll down a ramp into what stands at its foot; a shelf on the far side stays apart."""
    length, height = stage.uniform(2.8, 3.4), stage.uniform(1.8, 2.6)
    corner = (0.1, FLOOR + GAP)
    stage.fixed("ramp", wedge(length, height), (corner[0] + length / 3, corner[1] + height / 3))
    along = stage.uniform(0.25, 0.35)
    for _ in range(stage.count(1, 2)):
        radius = stage.uniform(0.35, 0.5)
        heavy = stage.material(density=(1.0, 2.4))
        stage.place(
            "ball", ball(radius), on_slope(corner, length, height, along, radius), material=heavy
        )
        along += stage.uniform(0.36, 0.42)
    foot = corner[0] + length + stage.uniform(0.9, 1.3)
    if stage.chance(0.6):
        tower(stage, foot, FLOOR, levels=2)
    else:
        stage.rest(*stage.thing(stage.uniform(0.7, 1.1)), foot, FLOOR)
    stage.rest(*stage.thing(stage.uniform(0.65, 0.9)), foot + stage.uniform(1.4, 1.8), FLOOR)
    x, level = stage.uniform(5.7, 6.2), stage.uniform(3.8, 4.8)
    stage.fixed("shelf", block(2.4, 0.34), (x, level))
    stage.rest(*stage.thing(stage.uniform(0.7, 1.0), round_too=False), x + 0.45, level + 0.17)
    drop = (x + stage.uniform(-0.9, 0.6), stage.uniform(6.5, 7.2))
    stage.place(*stage.thing(stage.uniform(0.65, 0.95)), drop)


def on_slope(corner: Point, length: float, height: float, along: float, radius: float) -> Point:
    """Centre of a ball on a wedge, ``along`` of the way from its top to its foot."""
    slant, lift = math.hypot(length, height), radius + GAP
    x = corner[0] + along * length + lift * height / slant
    return x, corner[1] + (1 - along) * height + lift * length / slant


def slopes(stage: Stage) -> None:
    """A conveyor of slopes hands balls from side to side, down to what stands at the bottom."""
    for level in range(3):
        side = 1 if level % 2 else -1
        spot = (SIZE / 2 + side * stage.uniform(0.95, 1.2), 5.35 - 1.75 * level)
        angle = side * stage.uniform(0.12, 0.2)
        stage.fixed("slope", block(stage.uniform(4.4, 4.8), 0.32), spot, angle=angle)
    for i in range(stage.count(2, 3)):
        spot = (stage.uniform(0.7, 0.9) + 1.2 * i, stage.uniform(6.9, 7.3))
        push = (stage.uniform(1.0, 3.0), 0.0)
        kind, shapes = "ball", ball(stage.uniform(0.3, 0.4))
        if stage.chance(0.25):
            kind, shapes = stage.thing(stage.uniform(0.6, 0.8))
        stage.place(kind, shapes, spot, velocity=push, material=stage.material(friction=(0.1, 0.4)))
    spot = (SIZE - stage.uniform(1.0, 1.5), stage.uniform(5.0, 5.4))
    stage.place("ball", ball(stage.uniform(0.3, 0.4)), spot, velocity=(-2.5, 0.0))
    for x in (stage.uniform(6.2, 7.2), stage.uniform(4.3, 5.2)):
        size = stage.uniform(0.55, 0.7)
        stage.rest(*stage.thing(size, round_too=False), x, FLOOR)


def dominoes(stage: Stage) -> None:
    """A ball rolls into a row of dominoes on a table; the last pushes something off the edge."""
    top = FLOOR + stage.uniform(0.8, 1.5)
    right = stage.uniform(5.9, 6.2)
    stage.fixed("table", *pedestal((0.2 + right) / 2, right - 0.2, top))
    tall, thin = stage.uniform(1.4, 1.9), stage.uniform(0.26, 0.34)
    number = stage.count(3, 4)
    step = stage.uniform(0.5, 0.62) * tall
    first = right - 1.05 - step * (number - 1)
    for i in range(number):
        material = stage.material(bounce=(0.0, 0.1))
        stage.rest("domino", block(thin, tall), first + i * step, top, material)
    heavy = stage.material(density=(1.5, 3.0))
    push = (stage.uniform(3.0, 5.5), 0.0)
    stage.rest("ball", ball(stage.uniform(0.34, 0.46)), 0.75, top, heavy, velocity=push)
    stage.rest(*stage.thing(stage.uniform(0.55, 0.7)), right - 0.4, top)
    stage.rest(*stage.thing(stage.uniform(0.7, 1.0)), stage.uniform(6.8, 7.3), FLOOR)
    drop = (stage.uniform(1.5, 6.5), stage.uniform(5.5, 7.0))
    stage.place(*stage.thing(stage.uniform(0.6, 0.85)), drop)


def shelf(stage: Stage) -> None:
    """A ball sweeps things off an upper shelf, onto a lower one and to the floor."""
    high, low = stage.uniform(4.6, 5.4), stage.uniform(2.2, 2.7)
    upper, lower = stage.uniform(3.7, 4.1), stage.uniform(2.6, 3.2)
    stage.fixed("shelf", block(upper, 0.34), (0.2 + upper / 2, high))
    stage.fixed("shelf", block(lower, 0.34), (SIZE - 0.2 - lower / 2, low))
    heavy = stage.material(density=(1.8, 3.0))
    push = (stage.uniform(4.0, 7.0), 0.0)
    stage.rest("ball", ball(stage.uniform(0.4, 0.52)), 0.85, high + 0.17, heavy, velocity=push)
    for x in (upper - 0.3, upper - 1.4)[: stage.count(1, 2)]:
        smooth = stage.material(friction=(0.1, 0.3))
        stage.rest(*stage.thing(stage.uniform(0.65, 0.9)), x, high + 0.17, smooth)
    tower(stage, SIZE - stage.uniform(1.3, 2.0), low + 0.17, levels=stage.count(1, 2))
    stage.rest(*stage.thing(stage.uniform(0.7, 1.0)), stage.uniform(3.8, 4.8), FLOOR)
    roll = (stage.uniform(1.5, 4.0), 0.0)
    stage.rest(
        "ball", ball(stage.uniform(0.35, 0.5)), stage.uniform(0.7, 1.4), FLOOR, velocity=roll
    )
