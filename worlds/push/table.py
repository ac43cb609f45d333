"""The table, the T-shaped block and the round pusher: sizes in metres, and what they are made of.

The block's origin is its centre of mass; its bar points up at angle 0. The walls stand outside the
picture, which shows exactly the table.
"""

from __future__ import annotations

from worlds.scene import Body, Circle, Point, Polygon, Scene

TABLE = 1.0  # m, width and height
PUSHER_RADIUS = 0.04  # m
BAR = (0.31, 0.078)  # m, width and height
STEM = (0.078, 0.235)  # m
LOW, HIGH = PUSHER_RADIUS, TABLE - PUSHER_RADIUS  # m, where the pusher's centre may be

# The engine's polygons have a skin: a pusher in contact is one to two of these away from the block,
# and a block that lies at a wall three.
SKIN = 0.005  # m

# The block slides in a viscous film: friction by area gives both dampings the same rate, and within
# a step of control nothing of a motion is left.
DAMPING = 60.0  # 1/s
FRICTION = 0.4

PHYSICS_HZ = 80.0  # the least at which the fastest pusher enters the skin alone, not the block

Rectangle = tuple[float, float, float, float]  # left, bottom, right, top


def _rectangles() -> tuple[Rectangle, Rectangle]:
    bar, stem = BAR[0] * BAR[1], STEM[0] * STEM[1]
    # Height of the centre of mass over the line where bar and stem meet.
    centre = (bar * BAR[1] / 2 - stem * STEM[1] / 2) / (bar + stem)
    return (
        (-BAR[0] / 2, -centre, BAR[0] / 2, BAR[1] - centre),
        (-STEM[0] / 2, -STEM[1] - centre, STEM[0] / 2, -centre),
    )


def _polygon(box: Rectangle) -> Polygon:
    left, bottom, right, top = box
    return Polygon(((left, bottom), (right, bottom), (right, top), (left, top)))


RECTANGLES = _rectangles()
BLOCK_SHAPES = tuple(_polygon(box) for box in RECTANGLES)
PUSHER_SHAPES = (Circle(PUSHER_RADIUS),)
CORNERS: tuple[Point, ...] = tuple(corner for part in BLOCK_SHAPES for corner in part.vertices)
REACH = max((x * x + y * y) ** 0.5 for x, y in CORNERS)  # m, from the centre of mass

PUSHER, BLOCK = 4, 5  # indices into the bodies of the scene


def table_scene() -> Scene:
    """Four walls, the pusher (identity 1) and the block (identity 2)."""
    far = 2 * TABLE
    boxes = (
        (-far, -far, far, 0.0),
        (-far, TABLE, far, far),
        (-far, -far, 0.0, far),
        (TABLE, -far, far, far),
    )
    walls = [
        Body((_polygon(box),), (0.0, 0.0), dynamic=False, friction=FRICTION, kind="wall")
        for box in boxes
    ]
    middle = (TABLE / 2, TABLE / 2)
    pusher = Body(
        PUSHER_SHAPES,
        (TABLE / 2, LOW),
        dynamic=False,
        kinematic=True,
        friction=FRICTION,
        identity=1,
        kind="pusher",
    )
    block = Body(
        BLOCK_SHAPES,
        middle,
        friction=FRICTION,
        restitution=0.0,
        linear_damping=DAMPING,
        angular_damping=DAMPING,
        identity=2,
        kind="block",
    )
    return Scene(
        (*walls, pusher, block),
        TABLE,
        TABLE,
        gravity=0.0,
        step_hz=PHYSICS_HZ,
        velocity_iterations=6,
        position_iterations=3,
        sleeping=False,
        continuous=False,
    )
