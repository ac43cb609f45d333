"""The shapes that designed scenes are built of, each around its centre of mass or its pivot."""

from __future__ import annotations

import math

from worlds.scene import Circle, Polygon

Shapes = tuple[Circle | Polygon, ...]


def ball(radius: float) -> Shapes:
    """A disc."""
    return (Circle(radius),)


def block(width: float, height: float, *, x: float = 0.0, y: float = 0.0) -> Shapes:
    """An upright rectangle centred at ``(x, y)`` of the body's frame."""
    w, h = width / 2, height / 2
    return (Polygon(((x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h))),)


def regular(sides: int, radius: float) -> Shapes:
    """A regular polygon that stands on one of its sides."""
    turn = 2 * math.pi / sides
    start = (turn - math.pi) / 2
    angles = [start + i * turn for i in range(sides)]
    return (Polygon(tuple((radius * math.cos(a), radius * math.sin(a)) for a in angles)),)


def wedge(length: float, height: float) -> Shapes:
    """A right triangle: upright side on the left, falling to the right, around its centroid."""
    x, y = length / 3, height / 3
    return (Polygon(((-x, -y), (length - x, -y), (-x, height - y))),)


def fulcrum(width: float, height: float) -> Shapes:
    """An isosceles triangle with its tip at the top, around its centroid."""
    y = height / 3
    return (Polygon(((-width / 2, -y), (width / 2, -y), (0.0, height - y))),)


def cup(width: float, height: float, wall: float) -> Shapes:
    """A basket open at the top: a bottom and two walls around the middle of the outline."""
    side = height - wall
    return (
        *block(width, wall, y=(wall - height) / 2),
        *block(wall, side, x=(wall - width) / 2, y=wall / 2),
        *block(wall, side, x=(width - wall) / 2, y=wall / 2),
    )


def bob(length: float, radius: float, rod: float) -> Shapes:
    """A weight at the end of a rod of width ``rod``; the body's origin is the pivot at the top."""
    reach = length - radius
    return (*block(rod, reach, y=-reach / 2), Circle(radius, (0.0, -length)))


def cross(arm: float, thickness: float) -> Shapes:
    """Two crossed bars of length ``2 arm``."""
    return (*block(2 * arm, thickness), *block(thickness, 2 * arm))


def lowest(shapes: Shapes) -> float:
    """Distance from the body's origin down to its lowest point, at angle 0."""
    return max(
        shape.radius - shape.centre[1]
        if isinstance(shape, Circle)
        else -min(y for _, y in shape.vertices)
        for shape in shapes
    )


def reach(shapes: Shapes) -> float:
    """Radius of the circle around the body's origin that holds every shape."""
    return max(
        math.hypot(*shape.centre) + shape.radius
        if isinstance(shape, Circle)
        else max(math.hypot(x, y) for x, y in shape.vertices)
        for shape in shapes
    )


def outline(shapes: Shapes) -> str:
    """What a person would call the shape: circle, triangle, quadrilateral, ... or compound."""
    if len(shapes) > 1:
        return "compound"
    only = shapes[0]
    if isinstance(only, Circle):
        return "circle"
    names = {3: "triangle", 4: "quadrilateral", 5: "pentagon", 6: "hexagon"}
    return names.get(len(only.vertices), "polygon")
