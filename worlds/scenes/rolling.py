"""Layouts in which things roll or topple: ramps, slopes, dominoes, shelves."""

from __future__ import annotations

import math

from worlds.scenes.falling import tower
from worlds.scenes.shapes import ball, block, wedge
from worlds.scenes.stage import FLOOR, GAP, SIZE, Stage


def ramp(stage: Stage) -> None:
    """Balls roll down a ramp into what stands at its foot; a shelf on the far side stays apart."""
    length, height = stage.uniform(2.6, 3.3), stage.uniform(1.5, 2.4)
    corner = (0.1, FLOOR + GAP)
    stage.fixed("ramp", wedge(length, height), (corner[0] + length / 3, corner[1] + height / 3))
    along = stage.uniform(0.3, 0.45)
    for _ in range(stage.count(1, 2)):
        radius = stage.uniform(0.25, 0.4)
        stage.place("ball", ball(radius), on_slope(corner, length, height, along, radius))
        along += stage.uniform(0.3, 0.35)
    foot = corner[0] + length + stage.uniform(0.5, 0.9)
    if stage.chance(0.6):
        tower(stage, foot + 0.4, FLOOR, levels=2)
    else:
        stage.rest(*stage.thing(stage.uniform(0.5, 0.9)), foot + 0.4, FLOOR)
    stage.rest(*stage.thing(stage.uniform(0.5, 0.7)), foot + stage.uniform(1.6, 1.9), FLOOR)
    level = stage.uniform(3.6, 4.8)
    x = stage.uniform(5.6, 6.2)
    stage.fixed("shelf", block(2.2, 0.25), (x, level))
    stage.rest(*stage.thing(stage.uniform(0.5, 0.8), round_too=False), x + 0.4, level + 0.125)
    position = (x + stage.uniform(-0.9, 0.6), stage.uniform(6.4, 7.4))
    stage.place(*stage.thing(stage.uniform(0.45, 0.7)), position)


def on_slope(
    corner: tuple[float, float], length: float, height: float, along: float, radius: float
) -> tuple[float, float]:
    """Centre of a ball on a wedge, ``along`` of the way from its top to its foot."""
    slant = math.hypot(length, height)
    lift = radius + GAP
    x = corner[0] + along * length + lift * height / slant
    return x, corner[1] + (1 - along) * height + lift * length / slant


def slopes(stage: Stage) -> None:
    """A conveyor of slopes hands balls from side to side, down to what stands at the bottom."""
    steep = stage.uniform(0.16, 0.3)
    levels = 3
    for level in range(levels):
        side = 1 if level % 2 else -1
        x = SIZE / 2 + side * stage.uniform(0.75, 1.0)
        position = (x, 5.2 - 1.75 * level)
        stage.fixed("slope", block(stage.uniform(4.8, 5.2), 0.25), position, angle=side * steep)
    for i in range(stage.count(2, 3)):
        radius = stage.uniform(0.24, 0.36)
        position = (stage.uniform(0.7, 1.1) + 1.1 * i, stage.uniform(6.9, 7.3))
        material = stage.material(bounce=(0.0, 0.3))
        push = (stage.uniform(0.0, 1.5), 0.0)
        stage.place("ball", ball(radius), position, velocity=push, material=material)
    position = (SIZE - stage.uniform(1.2, 1.8), stage.uniform(5.0, 5.4))
    stage.place("ball", ball(stage.uniform(0.24, 0.36)), position, velocity=(-1.5, 0.0))
    stage.rest(*stage.thing(stage.uniform(0.5, 0.6), round_too=False), stage.uniform(6.3, 7.2), FLOOR)
    stage.rest(*stage.thing(stage.uniform(0.4, 0.5), round_too=False), stage.uniform(4.2, 5.4), FLOOR)


def dominoes(stage: Stage) -> None:
    """A ball rolls into a row of dominoes on a table; the last one pushes something off the edge."""
    top = FLOOR + stage.uniform(0.8, 1.6)
    left, right = 0.3, stage.uniform(5.9, 6.3)
    middle = (left + right) / 2
    stage.fixed("table", block(right - left, top - FLOOR - GAP), (middle, (top + FLOOR + GAP) / 2))
    radius = stage.uniform(0.25, 0.4)
    speed = stage.uniform(2.5, 4.5)
    stage.rest("ball", ball(radius), left + 0.6, top, velocity=(speed, 0.0))
    tall, thin = stage.uniform(1.1, 1.5), stage.uniform(0.2, 0.28)
    number = stage.count(3, 5)
    step = (right - left - 2.0) / number
    step = min(step, stage.uniform(0.6, 0.75) * tall)
    start = right - 0.75 - step * number
    for i in range(number):
        material = stage.material(bounce=(0.0, 0.1))
        stage.rest("domino", block(thin, tall), start + i * step, top, material=material)
    stage.rest(*stage.thing(stage.uniform(0.4, 0.55)), right - 0.45, top)
    stage.rest(*stage.thing(stage.uniform(0.5, 0.8)), stage.uniform(6.9, 7.3), FLOOR)
    position = (stage.uniform(1.5, 6.5), stage.uniform(5.5, 7.0))
    stage.place(*stage.thing(stage.uniform(0.4, 0.6)), position)


def shelf(stage: Stage) -> None:
    """A ball sweeps things off an upper shelf, onto a lower one and to the floor."""
    high, low = stage.uniform(4.6, 5.4), stage.uniform(2.2, 2.9)
    upper, lower = stage.uniform(3.6, 4.2), stage.uniform(2.4, 3.0)
    stage.fixed("shelf", block(upper, 0.25), (0.2 + upper / 2, high))
    stage.fixed("shelf", block(lower, 0.25), (SIZE - 0.2 - lower / 2, low))
    radius = stage.uniform(0.28, 0.42)
    speed = stage.uniform(3.0, 5.5)
    stage.rest("ball", ball(radius), 0.75, high + 0.125, velocity=(speed, 0.0))
    for x in (upper - 1.6, upper - 0.5)[: stage.count(1, 2)]:
        kind, shapes = stage.thing(stage.uniform(0.5, 0.7))
        stage.rest(kind, shapes, x + stage.uniform(-0.1, 0.1), high + 0.125)
    tower(stage, SIZE - stage.uniform(1.3, 1.8), low + 0.125, levels=stage.count(1, 2))
    stage.rest(*stage.thing(stage.uniform(0.5, 0.8)), stage.uniform(3.6, 4.6), FLOOR)
    slow = (stage.uniform(0.5, 3.0), 0.0)
    stage.rest("ball", ball(stage.uniform(0.25, 0.4)), stage.uniform(0.6, 1.4), FLOOR, velocity=slow)
