"""Whether bodies of a scene overlap before anything has moved."""

from __future__ import annotations

import itertools
import math

import numpy as np

from worlds.scene import Body, Circle, Polygon, Scene

Array = np.ndarray


def overlapping(scene: Scene, *, slack: float = 0.0) -> list[tuple[int, int]]:
    """Pairs of bodies (indices) that come closer than ``slack`` metres.

    Bodies joined to each other and pieces of scenery (identity 0) may overlap: the engine never
    lets them collide.
    """
    joined = {(min(j.a, j.b), max(j.a, j.b)) for j in scene.joints}
    outlines = [_outlines(body) for body in scene.bodies]
    boxes = [_box(parts) for parts in outlines]
    found = []
    for a, b in itertools.combinations(range(len(scene.bodies)), 2):
        scenery = scene.bodies[a].identity == scene.bodies[b].identity == 0
        if scenery or (a, b) in joined or not _boxes_meet(boxes[a], boxes[b], slack):
            continue
        pairs = itertools.product(outlines[a], outlines[b])
        if any(clearance(p, q) < slack for p, q in pairs):
            found.append((a, b))
    return found


Outline = tuple[Array, float]  # corners (n, 2) in the world, and the radius around them


def _outlines(body: Body) -> list[Outline]:
    cos, sin = math.cos(body.angle), math.sin(body.angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    return [_placed(shape, turn, body) for shape in body.shapes]


def _placed(shape: Circle | Polygon, turn: Array, body: Body) -> Outline:
    if isinstance(shape, Circle):
        return np.array([shape.centre]) @ turn + body.position, shape.radius
    return np.array(shape.vertices) @ turn + body.position, 0.0


def _box(parts: list[Outline]) -> Array:
    low = np.min([points.min(axis=0) - radius for points, radius in parts], axis=0)
    high = np.max([points.max(axis=0) + radius for points, radius in parts], axis=0)
    return np.stack([low, high])


def _boxes_meet(a: Array, b: Array, slack: float) -> bool:
    return bool((a[0] - slack < b[1]).all() and (b[0] - slack < a[1]).all())


def clearance(a: Outline, b: Outline) -> float:
    """Distance between two convex outlines; at or below 0 when they overlap (separating axes)."""
    axes = np.concatenate([_normals(a[0]), _normals(b[0]), _corner_axes(a[0], b[0])])
    onto_a, onto_b = a[0] @ axes.T, b[0] @ axes.T
    apart = np.maximum(
        onto_b.min(axis=0) - onto_a.max(axis=0), onto_a.min(axis=0) - onto_b.max(axis=0)
    )
    return float(apart.max() - a[1] - b[1])


def _normals(points: Array) -> Array:
    if len(points) == 1:
        return np.zeros((0, 2))
    edges = np.roll(points, -1, axis=0) - points
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _corner_axes(a: Array, b: Array) -> Array:
    # The nearest features of two separate convex shapes may be two corners; their line is an axis.
    lines = (b[None] - a[:, None]).reshape(-1, 2)
    length = np.linalg.norm(lines, axis=1, keepdims=True)
    return lines[length[:, 0] > 0] / length[length[:, 0] > 0]


def in_view(scene: Scene) -> bool:
    """Whether every movable body lies inside the picture."""
    boxes = [_box(_outlines(body)) for body in scene.bodies if body.dynamic]
    size = np.array([scene.width, scene.height])
    return all((low >= 0).all() and (high <= size).all() for low, high in boxes)
