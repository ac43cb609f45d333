"""Layouts seen from above: no gravity, things slide on a table with cushions."""

from __future__ import annotations

import math

from worlds.scenes.shapes import ball
from worlds.scenes.stage import SIZE, Material, Stage


def billiards(stage: Stage) -> None:
    """One or two balls are shot at others that lie still; a fixed post may stand in between."""
    spots = [(1.4 + 1.3 * column, 1.4 + 1.3 * row) for column in range(5) for row in range(5)]
    order = [spots[int(i)] for i in stage.rng.permutation(len(spots))]
    number = stage.count(5, 7)
    places = [(x + stage.uniform(-0.2, 0.2), y + stage.uniform(-0.2, 0.2)) for x, y in order]
    if stage.chance(0.5):
        stage.fixed("post", ball(stage.uniform(0.3, 0.45)), places[number])
    for i in range(number):
        shot = i < number // 3
        target = places[number - 1 - i] if shot else places[i]
        velocity = aim(stage, places[i], target) if shot else (0.0, 0.0)
        cloth = Material(stage.material().density, stage.uniform(0.05, 0.2), stage.uniform(0.7, 0.95))
        stage.place(
            "ball",
            ball(stage.uniform(0.28, 0.42)),
            places[i],
            velocity=velocity,
            material=cloth,
            damping=stage.uniform(0.1, 0.3),
        )


def aim(
    stage: Stage, origin: tuple[float, float], target: tuple[float, float]
) -> tuple[float, float]:
    """A velocity from ``origin`` towards ``target``, up to 5 degrees off."""
    angle = math.atan2(target[1] - origin[1], target[0] - origin[0]) + stage.uniform(-0.09, 0.09)
    speed = stage.uniform(4.0, 8.0)
    return speed * math.cos(angle), speed * math.sin(angle)


def crossing(stage: Stage) -> None:
    """Things of all shapes drift over the table on crossing courses."""
    number = stage.count(5, 7)
    for i in range(number):
        turn = 2 * math.pi * (i + stage.uniform(-0.2, 0.2)) / number
        away = stage.uniform(2.3, 2.9)
        position = (SIZE / 2 + away * math.cos(turn), SIZE / 2 + away * math.sin(turn))
        velocity = (0.0, 0.0)
        if i % 3 != 2:
            centre = (SIZE / 2 + stage.uniform(-1, 1), SIZE / 2 + stage.uniform(-1, 1))
            fast = aim(stage, position, centre)
            velocity = (0.5 * fast[0], 0.5 * fast[1])
        kind, shapes = stage.thing(stage.uniform(0.6, 0.95))
        cloth = Material(stage.material().density, stage.uniform(0.1, 0.4), stage.uniform(0.4, 0.9))
        stage.place(
            kind,
            shapes,
            position,
            velocity=velocity,
            spin=stage.uniform(-2, 2),
            material=cloth,
            damping=stage.uniform(0.1, 0.4),
        )
    kind, shapes = stage.thing(stage.uniform(0.7, 1.0))
    stage.place(kind, shapes, (SIZE / 2, SIZE / 2), damping=0.3)
