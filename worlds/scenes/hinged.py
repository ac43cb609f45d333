"""Layouts with hinges: pendulums, seesaws, cradles, spinners, hanging bridges."""

from __future__ import annotations

import math

from worlds.scenes.falling import tower
from worlds.scenes.shapes import ball, block, bob, cross, fulcrum
from worlds.scenes.stage import FLOOR, GAP, SCENERY, SIZE, Material, Stage


def pendulum(stage: Stage) -> None:
    """A pendulum swings into a wall of blocks; what the wall hides or carries falls over."""
    pivot = (stage.uniform(2.2, 2.8), stage.uniform(5.6, 6.4))
    radius = stage.uniform(0.4, 0.55)
    length = pivot[1] - FLOOR - radius - stage.uniform(0.3, 0.8)
    length = min(length, 4.2)
    angle = -stage.uniform(0.6, 1.0) * min(1.0, (pivot[0] - radius) / length)
    swing = stage.place("pendulum", bob(length, radius, 0.16), pivot, angle=math.asin(angle))
    stage.hinge(SCENERY, swing, pivot)
    wall = pivot[0] + radius + stage.uniform(0.7, 1.2)
    height = tower(stage, wall, FLOOR, levels=3)
    if stage.chance(0.5):
        stage.rest(*stage.thing(0.5, round_too=False), wall, height)
    stage.rest(*stage.thing(stage.uniform(0.5, 0.8)), wall + stage.uniform(1.3, 1.7), FLOOR)
    position = (stage.uniform(5.8, 7.2), stage.uniform(5.0, 7.0))
    stage.place(*stage.thing(stage.uniform(0.5, 0.8)), position)


def seesaw(stage: Stage) -> None:
    """A weight falls on one end of a seesaw and throws what lies on the other."""
    x, rise = stage.uniform(3.4, 4.4), stage.uniform(0.7, 1.1)
    base = stage.fixed("fulcrum", fulcrum(0.9, rise), (x, FLOOR + GAP + rise / 3))
    length, thick = stage.uniform(3.8, 4.6), 0.25
    tip = (x, FLOOR + GAP + rise)
    plank = stage.place("plank", block(length, thick), (x, tip[1] + thick / 2))
    stage.hinge(base, plank, tip)
    surface = tip[1] + thick
    light = Material(stage.uniform(0.4, 0.7), 0.6, stage.uniform(0.0, 0.2))
    kind, shapes = stage.thing(stage.uniform(0.4, 0.55), round_too=False)
    stage.rest(kind, shapes, x - length / 2 + 0.4, surface, material=light)
    heavy = Material(stage.uniform(2.0, 3.5), 0.5, stage.uniform(0.0, 0.2))
    kind, shapes = stage.thing(stage.uniform(0.7, 1.0))
    drop = (x + length / 2 - stage.uniform(0.2, 0.7), stage.uniform(5.0, 7.2))
    stage.place(kind, shapes, drop, material=heavy)
    ledge = (stage.uniform(0.9, 1.2), stage.uniform(4.2, 5.2))
    stage.fixed("shelf", block(1.4, 0.25), ledge)
    stage.rest(*stage.thing(stage.uniform(0.4, 0.6), round_too=False), ledge[0] + 0.2, ledge[1] + 0.125)
    stage.rest(*stage.thing(stage.uniform(0.4, 0.7)), SIZE - stage.uniform(0.5, 0.9), FLOOR)


def cradle(stage: Stage) -> None:
    """Pendulums hang side by side from a beam; the first is let go against the others."""
    number, radius = stage.count(3, 5), stage.uniform(0.34, 0.42)
    step = 2 * radius + 0.02
    height, length = stage.uniform(6.0, 6.8), stage.uniform(2.8, 3.4)
    start = SIZE / 2 - step * (number - 1) / 2 + stage.uniform(0.0, 0.5)
    beam = stage.fixed("beam", block(step * number, 0.35), (start + step * (number - 1) / 2, height))
    lifted = stage.count(1, 2) if number > 3 else 1
    angle = -stage.uniform(0.5, 0.9)
    for i in range(number):
        stuff = Material(stage.uniform(0.8, 2.0), 0.1, stage.uniform(0.7, 0.95))
        pivot = (start + i * step, height - 0.1)
        weight = stage.place(
            "pendulum",
            bob(length, radius, 0.14),
            pivot,
            angle=angle if i < lifted else 0.0,
            material=stuff,
        )
        stage.hinge(beam, weight, pivot)
    below = height - length - radius
    for x in (stage.uniform(5.9, 6.4), stage.uniform(1.0, 2.2)):
        size = min(stage.uniform(0.6, 1.0), below - FLOOR - 0.4)
        stage.rest(*stage.thing(size, round_too=False), x, FLOOR)
    speed = (stage.uniform(1.0, 3.0), 0.0)
    stage.rest("ball", ball(stage.uniform(0.25, 0.35)), 0.5, FLOOR, velocity=speed)


def spinner(stage: Stage) -> None:
    """Things fall on turning crosses, which bat them away."""
    for x in (stage.uniform(2.2, 2.8), stage.uniform(5.2, 5.8)):
        pivot = (x, stage.uniform(3.0, 4.0))
        arm = stage.uniform(0.9, 1.2)
        spin = stage.uniform(2.0, 6.0) * (1 if stage.chance(0.5) else -1)
        angle = stage.uniform(0.0, 1.5)
        wheel = stage.place("spinner", cross(arm, 0.28), pivot, angle=angle, spin=spin)
        stage.hinge(SCENERY, wheel, pivot)
    for i in range(stage.count(3, 4)):
        position = (1.6 + 1.5 * i + stage.uniform(-0.3, 0.3), stage.uniform(5.8, 7.2))
        stage.place(*stage.thing(stage.uniform(0.45, 0.7)), position)
    for x in (stage.uniform(1.0, 3.0), stage.uniform(4.6, 6.8)):
        stage.rest(*stage.thing(stage.uniform(0.5, 0.8), round_too=False), x, FLOOR)


def hammock(stage: Stage) -> None:
    """A hanging bridge of hinged planks between two posts catches what falls, until a link is gone."""
    links, thick = stage.count(4, 5), 0.24
    left, right = stage.uniform(1.2, 1.6), stage.uniform(6.4, 6.8)
    top = stage.uniform(2.8, 3.6)
    posts = [
        stage.fixed("pillar", block(0.5, top - FLOOR - GAP), (x, (top + FLOOR + GAP) / 2))
        for x in (left, right)
    ]
    start, end = left + 0.1, right - 0.1
    pitch = (end - start) / links
    previous = posts[0]
    for i in range(links):
        middle = (start + (i + 0.5) * pitch, top + GAP + thick / 2)
        link = stage.place("plank", block(pitch - 0.06, thick), middle)
        stage.hinge(previous, link, (start + i * pitch, middle[1]))
        previous = link
    stage.hinge(previous, posts[1], (end, top + GAP + thick / 2))
    for i in range(stage.count(2, 3)):
        position = (2.4 + 1.6 * i + stage.uniform(-0.4, 0.4), stage.uniform(5.2, 7.2))
        stage.place(*stage.thing(stage.uniform(0.5, 0.8)), position)
    stage.rest(*stage.thing(stage.uniform(0.5, 0.9)), stage.uniform(3.0, 5.0), FLOOR)
