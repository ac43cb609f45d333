"""The official description of a frame by its objects instead of its pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worlds.phyre.task import COLOURS, KINDS, SIZE, TaskBody
from worlds.scene import Polygon

WIDTH = 14  # x, y, angle, diameter, 4 kinds, 6 colours
TURN = 2.0 * np.pi


def featurise(bodies: Sequence[TaskBody], poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features ``(T, N, 14)`` of the bodies that have a shape type (walls have none).

    x / 256, y / 256, angle / 2 pi in [0, 1), diameter / 256, one-hot shape (ball, bar, jar,
    sticks), one-hot colour (red, green, blue, purple, gray, black). The position is the body's
    origin, for jars the centre of mass.

    Args:
        bodies: what they are.
        poses: ``(T, bodies, 3)``: x, y in pixels, angle in rad.
    """
    shown = [index for index, body in enumerate(bodies) if body.kind != "other"]
    features = np.zeros((len(poses), len(shown), WIDTH), np.float32)
    features[..., :2] = poses[:, shown, :2] / np.float32(SIZE)
    # Rounded to single precision where the official code stores a float, and only there.
    angle = np.fmod(poses[:, shown, 2].astype(np.float64), TURN).astype(np.float32)
    wrapped = np.where(angle < 0, angle.astype(np.float64) + TURN, angle).astype(np.float32)
    features[..., 2] = wrapped.astype(np.float64) / TURN
    for row, index in enumerate(shown):
        body = bodies[index]
        features[:, row, 3] = np.float32(body.diameter) / np.float32(SIZE)
        features[:, row, 3 + KINDS.index(body.kind)] = 1.0
        features[:, row, 7 + COLOURS.index(body.colour)] = 1.0
        if body.kind == "jar":
            tilt = features[:, row, 2].astype(np.float64) * TURN
            up = np.stack([-np.sin(tilt), np.cos(tilt)], axis=-1)
            features[:, row, :2] += (centroid_height(body) / SIZE * up).astype(np.float32)
    return features


def centroid_height(body: TaskBody) -> float:
    """Height of the centre of mass above the body's origin, in its own frame."""
    area, moment = 0.0, 0.0
    for shape in body.shapes:
        if isinstance(shape, Polygon):
            x, y = np.array(shape.vertices).T
            next_x, next_y = np.roll(x, -1), np.roll(y, -1)
            cross = x * next_y - next_x * y
            area += cross.sum() / 2.0
            moment += ((y + next_y) * cross).sum() / 6.0
    return moment / area


def poses_of(bodies: Sequence[TaskBody], features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Poses ``(T, bodies, 3)`` in pixels and rad from features: the inverse of `featurise`.

    Bodies without a shape type stand where their task puts them.
    """
    poses = np.zeros((len(features), len(bodies), 3), np.float32)
    row = 0
    for index, body in enumerate(bodies):
        if body.kind == "other":
            poses[:, index] = (*body.position, body.angle)
            continue
        x, y, angle = np.moveaxis(features[:, row, :3].astype(np.float64), -1, 0)
        row += 1
        height = centroid_height(body) if body.kind == "jar" else 0.0
        poses[:, index, 0] = x * SIZE + height * np.sin(angle * TURN)
        poses[:, index, 1] = y * SIZE - height * np.cos(angle * TURN)
        poses[:, index, 2] = angle * TURN
    return poses
