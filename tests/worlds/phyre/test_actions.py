import numpy as np
import pytest
from task_bytes import ball, bar, make_task

from worlds.phyre import Ball, balls_of, place
from worlds.phyre.action import dimensions
from worlds.scene import Circle


def test_positions_are_truncated_and_radii_rounded():
    assert balls_of([0.5, 0.25, 0.1]) == (Ball(127, 63, 5),)
    assert balls_of(np.array([0.5, 0.25, 0.1, 0.9, 0.9, 0.0])) == (
        Ball(127, 63, 5),
        Ball(229, 229, 2),
    )


def test_what_is_not_fully_inside_is_invalid():
    assert balls_of([2.0 / 255, 0.5, 0.0]) == (Ball(2, 127, 2),)
    assert balls_of([1.99 / 255, 0.5, 0.0]) is None
    assert balls_of([0.5, 1.0, 0.0]) is None  # 255 + 2 > 256
    assert balls_of([0.5, 254.0 / 255, 0.0]) == (Ball(127, 254, 2),)
    assert balls_of([0.5, 0.5, 1.01]) is None
    assert balls_of([-0.01, 0.5, 0.5]) is None
    assert balls_of([float("nan"), 0.5, 0.5]) is None


def test_two_balls_need_a_gap_of_a_pixel_before_rounding():
    def apart(pixels):
        return [100.0 / 255, 0.5, 0.0, (100.0 + pixels) / 255, 0.5, 0.0]

    assert balls_of(apart(5.001)) is not None
    assert balls_of(apart(4.999)) is None


def test_other_numbers_of_numbers_are_refused():
    with pytest.raises(ValueError, match=r"3 numbers .* or 6 .* got 4"):
        balls_of([0.1, 0.2, 0.3, 0.4])


def distance(body, point):
    """Signed distance of a point from the outline of a body's one shape, in float64."""
    shape = body.shapes[0]
    x, y = point[0] - body.position[0], point[1] - body.position[1]
    if isinstance(shape, Circle):
        return np.hypot(x, y) - shape.radius
    cos, sin = np.cos(body.angle), np.sin(body.angle)
    local = np.array([x * cos + y * sin, y * cos - x * sin])
    corners, gaps, inside = np.array(shape.vertices), [], True
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        share = np.clip((local - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        gaps.append(np.hypot(*(local - a - share * (b - a))))
        inside &= (b - a)[0] * (local - a)[1] - (b - a)[1] * (local - a)[0] > 0
    return -min(gaps) if inside else min(gaps)


def test_balls_may_touch_bodies_but_not_reach_into_them():
    bodies = (ball(60.0, 80.0, 12.0), bar(128.3, 90.2, 80.0, 0.4), bar(200.0, 30.0, 60.0, -1.1))
    task = make_task(*bodies)
    generator = np.random.default_rng(0)
    hits = 0
    for action in generator.random((2000, 3)):
        balls = balls_of(action)
        if balls is None:
            continue
        x, y, radius = balls[0]
        gap = min(distance(body, (x, y)) for body in bodies) - radius
        if abs(gap) > 1e-3:
            assert (place(task, action) is None) == (gap < 0)
            hits += gap < 0
    assert hits > 100
    assert (
        place(task, [60.0 / 255 + 1e-9, (80.0 + 12 + 5) / 255 + 1e-9, 0.1]) is not None
    )  # touches
    assert place(task, [60.0 / 255 + 1e-9, (80.0 + 12 + 4) / 255 + 1e-9, 0.1]) is None
    assert place(task, [60.0 / 255, 80.0 / 255, 0.0]) is None  # inside the other ball


def test_a_ball_inside_a_big_polygon_is_in_the_way():
    assert place(make_task(ball(30.0, 30.0), bar(128.0, 128.0, 5.0)), [0.502, 0.502, 0.0]) is None


def test_dimensions_follow_the_tier():
    bodies = ball(60.0, 80.0), ball(90.0, 80.0)
    assert dimensions(make_task(*bodies)) == 3
    assert dimensions(make_task(*bodies, tier="TWO_BALLS")) == 6
    assert dimensions(make_task(*bodies, tier="VIRTUAL_TOOLS")) == 3
