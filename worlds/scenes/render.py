"""Colours every pixel of a clip from its body map: paint is fixed to the bodies and turns along."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worlds.raster import rasterise
from worlds.scene import Body, Circle, Scene
from worlds.scenes.look import Backdrop, Look, Paint
from worlds.scenes.pattern import PATTERNS, Field, marble, noise_table

RIM = 0.06  # m, width of the dark line along an outline, but never thinner than a pixel
SHADE = 0.6  # brightness of that line


def body_maps(scene: Scene, states: NDArray[np.float64], *, size: int) -> NDArray[np.uint8]:
    """``(T, size, size)``, top row first: 0 where no body is, else the body's index plus 1."""
    shapes = [body.shapes for body in scene.bodies]
    return rasterise(shapes, states, size=(size, size), scale=size / scene.width)


def paint_frames(
    scene: Scene, look: Look, states: NDArray[np.float64], bodies: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """RGB frames ``(T, size, size, 3)``, top row first.

    Args:
        scene: whose bodies are seen.
        look: paint of each identity and the backdrop.
        states: ``(T, B, 6)`` of every body.
        bodies: what :func:`body_maps` gives for these states.
    """
    size = bodies.shape[1]
    scale = size / scene.width
    frames = np.empty((*bodies.shape, 3), np.uint8)
    frames[:] = paint_backdrop(look.backdrop, size)
    flat = frames.reshape(-1, 3)
    still = (states == states[:1]).all(axis=(0, 2))
    for index, body in enumerate(scene.bodies):
        # What stands still in all frames is painted once, wherever one of them shows it.
        seen = bodies == index + 1
        shown = seen.any(axis=0)[None] if still[index] else seen
        pixels = np.flatnonzero(shown)
        if not len(pixels):
            continue
        colours = paint_body(
            body, look.paints[body.identity], states[:, index], pixels, size, scale
        )
        if still[index]:
            canvas = np.zeros((size * size, 3), np.uint8)
            canvas[pixels] = colours
            where = np.flatnonzero(seen)
            flat[where] = canvas[where % (size * size)]
        else:
            flat[pixels] = colours
    return frames


def paint_body(
    body: Body,
    paint: Paint,
    states: NDArray[np.float64],
    pixels: NDArray[np.int64],
    size: int,
    scale: float,
) -> NDArray[np.uint8]:
    """RGB of the ``pixels`` (numbers in the flattened clip) that show one body."""
    frame, place = np.divmod(pixels, size * size)
    centre = ((np.arange(size) + 0.5) / scale).astype(np.float32)
    pose = states[:, :3].astype(np.float32)
    cos, sin = np.cos(pose[:, 2])[frame], np.sin(pose[:, 2])[frame]
    x = centre[place % size] - pose[frame, 0]
    y = centre[::-1][place // size] - pose[frame, 1]
    u, v = x * cos + y * sin, y * cos - x * sin
    second = blend(paint, u, v)
    lit = np.where(depth(body, u, v) < max(RIM, 1 / scale), np.float32(SHADE), np.float32(1))
    return _bytes(_mix(paint.first, paint.second, second) * lit[:, None])


def blend(paint: Paint, u: Field, v: Field) -> Field:
    """How much of the paint's second colour shows at ``u, v`` metres in the body's frame."""
    cos, sin = np.float32(np.cos(paint.angle)), np.float32(np.sin(paint.angle))
    period = np.float32(paint.period)
    along, across = (u * cos + v * sin) / period, (v * cos - u * sin) / period
    return PATTERNS[paint.pattern](along, across, noise_table(paint.seed))


def depth(body: Body, u: Field, v: Field) -> Field:
    """Distance from the outline to points inside a body, metres."""
    deepest = np.full_like(u, -np.inf)
    for shape in body.shapes:
        if isinstance(shape, Circle):
            inside = shape.radius - np.hypot(u - shape.centre[0], v - shape.centre[1])
        else:
            corners = np.array(shape.vertices, np.float32)
            edges = np.roll(corners, -1, axis=0) - corners
            edges /= np.linalg.norm(edges, axis=1, keepdims=True)
            inside = np.full_like(u, np.inf)
            for (cx, cy), (ex, ey) in zip(corners, edges, strict=True):
                np.minimum(inside, (v - cy) * ex - (u - cx) * ey, out=inside)
        np.maximum(deepest, inside, out=deepest)
    return deepest


def paint_backdrop(look: Backdrop, size: int) -> NDArray[np.uint8]:
    """The picture ``(size, size, 3)`` behind all bodies."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    x, y = axis[None, :], -axis[:, None]
    along = 0.5 + (np.cos(look.angle) * x + np.sin(look.angle) * y) / np.sqrt(2)
    picture = _mix(look.first, look.second, along.astype(np.float32))
    u, v = np.broadcast_arrays(4 * x, 4 * y)
    cloud = marble(u, v, noise_table(look.seed))[..., None] - 0.5
    rng = np.random.default_rng(look.seed)
    grain = rng.uniform(-1, 1, (size, size, 1)).astype(np.float32)
    return _bytes(picture + look.cloud * cloud + look.grain * grain)


def _mix(first: tuple[float, ...], second: tuple[float, ...], share: Field) -> Field:
    a, b = np.array(first, np.float32), np.array(second, np.float32)
    return a + (b - a) * share[..., None]


def _bytes(colour: NDArray[np.floating]) -> NDArray[np.uint8]:
    return (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)
