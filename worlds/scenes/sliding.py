"""Layouts seen from above: no gravity, things slide on a table with cushions."""

from __future__ import annotations

import math

from worlds.scene import Point
from worlds.scenes.shapes import ball
from worlds.scenes.stage import SIZE, Stage


def billiards(stage: Stage) -> None:
    """Two balls are shot at others that lie still; a fixed post may stand in between."""
    spots = [(1.4 + 1.3 * column, 1.4 + 1.3 * row) for column in range(5) for row in range(5)]
    order = [spots[int(i)] for i in stage.rng.permutation(len(spots))]
    number = stage.count(5, 8)
    places = [(x + stage.uniform(-0.15, 0.15), y + stage.uniform(-0.15, 0.15)) for x, y in order]
    if stage.chance(0.5):
        stage.fixed("post", ball(stage.uniform(0.35, 0.5)), places[number])
    for i in range(number):
        velocity = aim(stage, places[i], places[number - 1 - i]) if i < 2 else (0.0, 0.0)
        material = stage.material(friction=(0.05, 0.2), bounce=(0.7, 0.95))
        shapes, damping = ball(stage.uniform(0.36, 0.5)), stage.uniform(0.1, 0.3)
        stage.place(
            "ball", shapes, places[i], velocity=velocity, material=material, damping=damping
        )


def aim(stage: Stage, origin: Point, target: Point) -> Point:
    """A velocity from ``origin`` towards ``target``, up to 5 degrees off."""
    angle = math.atan2(target[1] - origin[1], target[0] - origin[0]) + stage.uniform(-0.09, 0.09)
    speed = stage.uniform(5.0, 9.0)
    return speed * math.cos(angle), speed * math.sin(angle)


def crossing(stage: Stage) -> None:
    """Things of all shapes drift over the table on crossing courses."""
    number = stage.count(5, 7)
    for i in range(number):
        turn = 2 * math.pi * (i + stage.uniform(-0.15, 0.15)) / number
        away = stage.uniform(2.4, 2.9)
        position = (SIZE / 2 + away * math.cos(turn), SIZE / 2 + away * math.sin(turn))
        velocity, spin = (0.0, 0.0), 0.0
        if i % 3 != 2:
            centre = (SIZE / 2 + stage.uniform(-1, 1), SIZE / 2 + stage.uniform(-1, 1))
            x, y = aim(stage, position, centre)
            velocity, spin = (x / 2, y / 2), stage.uniform(-2, 2)
        slide(stage, stage.uniform(0.8, 1.15), position, velocity, spin)
    slide(stage, stage.uniform(0.9, 1.3), (SIZE / 2, SIZE / 2), (0.0, 0.0), 0.0)


def slide(stage: Stage, size: float, position: Point, velocity: Point, spin: float) -> None:
    """Put something on the table that slows down little by little."""
    kind, shapes = stage.thing(size)
    material = stage.material(friction=(0.1, 0.4), bounce=(0.4, 0.9))
    stage.place(
        kind,
        shapes,
        position,
        velocity=velocity,
        spin=spin,
        material=material,
        damping=stage.uniform(0.1, 0.4),
    )
