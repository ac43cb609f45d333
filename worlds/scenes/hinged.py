"""Layouts with hinges: pendulums, seesaws, cradles, spinners, hanging bridges."""

from __future__ import annotations

import math

from worlds.scenes.falling import pedestal, tower
from worlds.scenes.shapes import ball, block, bob, cross, fulcrum
from worlds.scenes.stage import FLOOR, GAP, SCENERY, SIZE, Stage


def pendulum(stage: Stage) -> None:
    """A pendulum swings into a tower of blocks, which falls on what stands behind it."""
    pivot = (stage.uniform(2.5, 3.0), stage.uniform(5.8, 6.6))
    radius = stage.uniform(0.5, 0.65)
    length = pivot[1] - FLOOR - radius - stage.uniform(0.3, 0.9)
    lift = min(stage.uniform(0.45, 0.75), (pivot[0] - radius - 0.1) / length)
    heavy = stage.material(density=(1.2, 2.4))
    swing = stage.place(
        "pendulum", bob(length, radius, 0.2), pivot, angle=-math.asin(lift), material=heavy
    )
    stage.hinge(SCENERY, swing, pivot)
    x = pivot[0] + radius + stage.uniform(0.8, 1.3)
    top = tower(stage, x, FLOOR, levels=3)
    if stage.chance(0.5):
        stage.rest(*stage.thing(0.65, round_too=False), x, top)
    stage.rest(*stage.thing(stage.uniform(0.7, 1.0)), x + stage.uniform(1.4, 1.9), FLOOR)
    drop = (stage.uniform(5.8, 7.2), stage.uniform(5.0, 7.0))
    stage.place(*stage.thing(stage.uniform(0.7, 1.0)), drop)


def seesaw(stage: Stage) -> None:
    """A weight falls on one end of a seesaw and throws what lies on the other."""
    x, rise = stage.uniform(3.5, 4.4), stage.uniform(0.8, 1.2)
    base = stage.fixed("fulcrum", fulcrum(1.1, rise), (x, FLOOR + GAP + rise / 3))
    length, thick = stage.uniform(4.0, 4.8), 0.34
    tip = (x, FLOOR + GAP + rise)
    plank = stage.place("plank", block(length, thick), (x, tip[1] + thick / 2))
    stage.hinge(base, plank, tip)
    light = stage.material(density=(0.4, 0.7), bounce=(0.0, 0.2))
    load = stage.thing(stage.uniform(0.6, 0.75), round_too=False)
    stage.rest(*load, x - length / 2 + 0.4, tip[1] + thick, light)
    heavy = stage.material(density=(1.6, 3.0), bounce=(0.0, 0.2))
    drop = (x + length / 2 - stage.uniform(0.2, 0.7), stage.uniform(5.0, 7.0))
    stage.place(*stage.thing(stage.uniform(0.9, 1.25)), drop, material=heavy)
    ledge = (stage.uniform(1.0, 1.3), stage.uniform(4.2, 5.2))
    stage.fixed("shelf", block(1.7, 0.34), ledge)
    perched = stage.thing(stage.uniform(0.6, 0.8), round_too=False)
    stage.rest(*perched, ledge[0] + stage.uniform(0.1, 0.4), ledge[1] + 0.17)
    stage.rest(*stage.thing(stage.uniform(0.6, 0.9)), SIZE - stage.uniform(0.5, 0.9), FLOOR)
    if stage.chance(0.5):
        spot = (SIZE - stage.uniform(0.6, 1.2), stage.uniform(3.5, 7.0))
        stage.place(*stage.thing(stage.uniform(0.6, 0.9)), spot)


def cradle(stage: Stage) -> None:
    """Pendulums hang side by side from a beam; the first is let go against the others."""
    number, radius = stage.count(3, 4), stage.uniform(0.42, 0.5)
    step = 2 * radius + 0.02
    height, length = stage.uniform(6.2, 6.9), stage.uniform(2.8, 3.3)
    start = SIZE / 2 - step * (number - 1) / 2 + stage.uniform(0.2, 0.6)
    middle = start + step * (number - 1) / 2
    beam = stage.fixed("beam", block(step * number, 0.4), (middle, height))
    lifted = stage.count(1, number - 2)
    angle = -stage.uniform(0.5, 0.8)
    for i in range(number):
        steel = stage.material(density=(0.8, 2.0), friction=(0.1, 0.1), bounce=(0.7, 0.95))
        pivot, turned = (start + i * step, height - 0.1), angle if i < lifted else 0.0
        shapes = bob(length, radius, 0.2)
        weight = stage.place("pendulum", shapes, pivot, angle=turned, material=steel)
        stage.hinge(beam, weight, pivot)
    for x in (stage.uniform(6.2, 6.9), stage.uniform(1.8, 2.6)):
        stage.rest(*stage.thing(stage.uniform(0.8, 1.1), round_too=False), x, FLOOR)
    push = (stage.uniform(1.5, 4.0), 0.0)
    stage.rest("ball", ball(stage.uniform(0.34, 0.46)), 0.6, FLOOR, velocity=push)


def spinner(stage: Stage) -> None:
    """Things fall on turning crosses, which bat them away."""
    for x in (stage.uniform(2.2, 2.7), stage.uniform(5.3, 5.8)):
        pivot = (x, stage.uniform(3.0, 4.0))
        spin = stage.uniform(2.0, 6.0) * (1 if stage.chance(0.5) else -1)
        shapes, angle = cross(stage.uniform(1.0, 1.3), 0.36), stage.uniform(0.0, 1.5)
        wheel = stage.place("spinner", shapes, pivot, angle=angle, spin=spin)
        stage.hinge(SCENERY, wheel, pivot)
    for i in range(stage.count(3, 4)):
        drop = (1.6 + 1.5 * i + stage.uniform(-0.25, 0.25), stage.uniform(5.8, 7.2))
        stage.place(*stage.thing(stage.uniform(0.65, 0.9)), drop)
    for x in (stage.uniform(1.0, 3.0), stage.uniform(4.6, 6.8)):
        stage.rest(*stage.thing(stage.uniform(0.7, 1.0), round_too=False), x, FLOOR)


def hammock(stage: Stage) -> None:
    """A bridge of hinged planks between two posts catches what falls, until a link is gone."""
    left, right = stage.uniform(1.1, 1.5), stage.uniform(6.5, 6.9)
    top, thick = stage.uniform(2.8, 3.6), 0.3
    posts = [stage.fixed("pillar", *pedestal(x, 0.6, top)) for x in (left, right)]
    links = stage.count(3, 4)
    start, y = left + 0.1, top + GAP + thick / 2
    pitch = (right - 0.1 - start) / links
    previous = posts[0]
    for i in range(links):
        spot = (start + (i + 0.5) * pitch, y)
        link = stage.place("plank", block(pitch - 0.06, thick), spot)
        stage.hinge(previous, link, (start + i * pitch, y))
        previous = link
    stage.hinge(previous, posts[1], (start + links * pitch, y))
    for i in range(stage.count(2, 3)):
        drop = (2.4 + 1.6 * i + stage.uniform(-0.4, 0.4), stage.uniform(5.2, 7.2))
        stage.place(*stage.thing(stage.uniform(0.7, 1.05)), drop)
    stage.rest(*stage.thing(stage.uniform(0.7, 1.1)), stage.uniform(3.0, 5.0), FLOOR)
