import math
from dataclasses import replace

import numpy as np
import pytest

from worlds.scene import Body, Circle, Hinge, Polygon, Scene
from worlds.scenes.overlap import clearance, in_view, overlapping
from worlds.scenes.shapes import ball, block

SQUARE = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
POINT = np.zeros((1, 2))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((np.add(SQUARE, (3, 0)), 0.0), 1.0),  # side to side
        ((np.add(SQUARE, (3, 4)), 0.0), math.hypot(1, 2)),  # corner to corner
        ((np.add(SQUARE, (1.5, 0.3)), 0.0), -0.5),
        ((np.add(POINT, (1.3, 0.2)), 0.1), 0.2),  # disc beside a side
        ((np.add(POINT, (4.0, 5.0)), 2.0), 3.0),  # disc beside a corner
        ((np.add(POINT, (1.3, 0.2)), 0.5), -0.2),
    ],
)
def test_clearance_of_a_square(other, expected):
    assert clearance((SQUARE, 0.0), other) == pytest.approx(expected)
    assert clearance(other, (SQUARE, 0.0)) == pytest.approx(expected)


def test_clearance_of_discs():
    assert clearance((POINT, 1.0), (np.add(POINT, (3, 4)), 1.5)) == pytest.approx(2.5)
    assert clearance((POINT, 1.0), (np.add(POINT, (3, 4)), 4.5)) == pytest.approx(-0.5)


def test_clearance_equals_dense_sampling_of_outlines():
    rng = np.random.default_rng(1)
    share = np.linspace(0, 1, 120)[:, None]

    def outline(points):
        ends = np.roll(points, -1, axis=0)
        return np.concatenate([a + share * (b - a) for a, b in zip(points, ends, strict=True)])

    for _ in range(20):
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        triangle = np.array([(0.0, 0.0), (2.0, 0.0), (0.5, 1.0)]) @ turn
        direction = rng.normal(size=2)
        other = SQUARE + 4 * direction / np.linalg.norm(direction)
        gaps = np.linalg.norm(outline(triangle)[:, None] - outline(other)[None], axis=2)
        assert clearance((triangle, 0.0), (other, 0.0)) == pytest.approx(gaps.min(), abs=1e-2)


def scene(*bodies: Body, joints=()) -> Scene:
    return Scene(bodies, width=8.0, height=8.0, joints=joints)


def test_overlapping_skips_scenery_and_joined_bodies():
    wall = Body(block(2, 2), (1.0, 1.0), dynamic=False)
    thing = Body(block(1, 1), (2.4, 1.0), identity=1)
    assert overlapping(scene(wall, wall)) == []
    assert overlapping(scene(wall, thing)) == [(0, 1)]
    assert overlapping(scene(wall, thing, joints=(Hinge(1, 0, (2.0, 1.0)),))) == []
    apart = replace(thing, position=(2.6, 1.0))
    assert overlapping(scene(wall, apart)) == []
    assert overlapping(scene(wall, apart), slack=0.2) == [(0, 1)]


def test_overlapping_turns_bodies_and_looks_at_every_shape():
    bar = Body(block(4, 0.2), (4.0, 4.0), identity=1)
    disc = Body(ball(0.5), (4.0, 5.5), identity=2)
    assert overlapping(scene(bar, disc)) == []
    assert overlapping(scene(replace(bar, angle=math.pi / 2), disc)) == [(0, 1)]
    arms = (*block(4, 0.2), Polygon(((-0.1, 0.0), (0.1, 0.0), (0.1, 2.0), (-0.1, 2.0))))
    assert overlapping(scene(replace(bar, shapes=arms), disc)) == [(0, 1)]
    far = (Circle(0.5, (0.0, 1.0)),)
    assert overlapping(scene(replace(bar, shapes=arms), replace(disc, shapes=far))) == []


def test_in_view_asks_movable_bodies_only():
    inside, outside = Body(ball(0.5), (0.6, 4.0)), Body(ball(0.5), (0.4, 4.0))
    assert in_view(scene(inside))
    assert not in_view(scene(inside, outside))
    assert in_view(scene(inside, replace(outside, dynamic=False)))
