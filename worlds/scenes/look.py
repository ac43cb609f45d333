"""How a scene looks: paints of bodies and a backdrop, drawn independently of its physics."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from worlds.scene import Scene
from worlds.scenes.pattern import PATTERNS

Colour = tuple[float, float, float]  # red, green, blue, 0..1

HUES = {
    "red": 0.99,
    "orange": 0.07,
    "yellow": 0.14,
    "lime": 0.24,
    "green": 0.36,
    "teal": 0.47,
    "cyan": 0.53,
    "blue": 0.61,
    "indigo": 0.69,
    "purple": 0.77,
    "magenta": 0.85,
    "pink": 0.93,
}


@dataclass(frozen=True)
class Paint:
    """A pattern of two colours, fixed to a body.

    Attributes:
        name: key of :data:`HUES` closest to the first colour.
        pattern: key of :data:`worlds.scenes.pattern.PATTERNS`.
        first, second: the two colours.
        period: metres after which the pattern repeats.
        angle: direction of the pattern in the body's frame, rad.
        seed: of the patterns that are random.
    """

    name: str
    pattern: str
    first: Colour
    second: Colour
    period: float
    angle: float
    seed: int


@dataclass(frozen=True)
class Backdrop:
    """What is seen where no body is: a gradient with clouds and grain.

    ``angle`` is the direction of the gradient in rad, ``cloud`` and ``grain`` are amplitudes of
    smooth and per-pixel noise, 0..1.
    """

    first: Colour
    second: Colour
    angle: float
    cloud: float
    grain: float
    seed: int


@dataclass(frozen=True)
class Look:
    """Paint of each identity (0 is the scenery) and the backdrop."""

    paints: Mapping[int, Paint]
    backdrop: Backdrop


def dress(scene: Scene, rng: np.random.Generator) -> tuple[Scene, Look]:
    """Draw a look; the scene comes back with the bodies' colour names filled in."""
    dark = bool(rng.random() < 0.4)
    paints = {0: scenery_paint(rng, dark=dark)}
    paints |= {identity: body_paint(rng) for identity in scene.identities}
    bodies = tuple(
        replace(body, colour=paints[body.identity].name if body.identity else "gray")
        for body in scene.bodies
    )
    return replace(scene, bodies=bodies), Look(paints, backdrop(rng, dark=dark))


def body_paint(rng: np.random.Generator) -> Paint:
    """A saturated colour with a lighter, darker or altogether different second one."""
    name = list(HUES)[int(rng.integers(len(HUES)))]
    hue = HUES[name] + rng.uniform(-0.02, 0.02)
    saturation, value = rng.uniform(0.65, 0.95), rng.uniform(0.75, 0.98)
    if rng.random() < 0.5:
        second = hsv(hue, saturation * rng.uniform(0.2, 0.5), 1.0)
        if rng.random() < 0.5:
            second = hsv(hue, saturation, value * rng.uniform(0.45, 0.65))
    else:
        second = hsv(rng.uniform(), rng.uniform(0.4, 0.9), rng.uniform(0.6, 1.0))
    return Paint(
        name=name,
        pattern=list(PATTERNS)[int(rng.integers(len(PATTERNS)))],
        first=hsv(hue, saturation, value),
        second=second,
        period=float(rng.uniform(0.28, 0.55)),
        angle=float(rng.uniform(0, np.pi)),
        seed=int(rng.integers(2**31)),
    )


def scenery_paint(rng: np.random.Generator, *, dark: bool) -> Paint:
    """A muted paint for floor and walls, apart in brightness from the backdrop."""
    hue = rng.uniform()
    value = rng.uniform(0.42, 0.55) if dark else rng.uniform(0.3, 0.5)
    return Paint(
        name="gray",
        pattern=("marble", "stripes", "mosaic", "plain")[int(rng.integers(4))],
        first=hsv(hue, rng.uniform(0.05, 0.3), value),
        second=hsv(hue, rng.uniform(0.05, 0.3), value * 0.85),
        period=float(rng.uniform(0.4, 0.8)),
        angle=float(rng.uniform(0, np.pi)),
        seed=int(rng.integers(2**31)),
    )


def backdrop(rng: np.random.Generator, *, dark: bool) -> Backdrop:
    """A muted gradient, dark or light."""
    hue = rng.uniform()
    low, high = (0.1, 0.3) if dark else (0.72, 0.97)
    return Backdrop(
        first=hsv(hue, rng.uniform(0.05, 0.25), rng.uniform(low, high)),
        second=hsv(hue + rng.uniform(-0.15, 0.15), rng.uniform(0.05, 0.25), rng.uniform(low, high)),
        angle=float(rng.uniform(0, 2 * np.pi)),
        cloud=float(rng.uniform(0.0, 0.16)),
        grain=float(rng.uniform(0.0, 0.03)),
        seed=int(rng.integers(2**31)),
    )


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour from hue (wraps at 1), saturation and value."""
    return colorsys.hsv_to_rgb(float(hue) % 1.0, float(saturation), float(value))
