"""CRAFT-like scenes: sampled from layouts, painted, changed by 2 % or robbed of an object."""

from __future__ import annotations

import colorsys
import zlib
from dataclasses import dataclass, replace

import numpy as np

from worlds.craft.arena import SIZES, Arena, Thing
from worlds.craft.layouts import LAYOUTS
from worlds.scene import Body, Scene
from worlds.scenes.layouts import DesignedScene
from worlds.scenes.look import Backdrop, Colour, Look, Paint
from worlds.scenes.overlap import in_view, overlapping
from worlds.scenes.stage import mirrored

ATTEMPTS = 200
NOISE = 0.02
# Hue, saturation and value of CRAFT's colours.
PAINTS = {
    "gray": (0.0, 0.0, 0.6),
    "red": (0.99, 0.85, 0.85),
    "blue": (0.61, 0.8, 0.85),
    "green": (0.36, 0.8, 0.65),
    "brown": (0.07, 0.7, 0.5),
    "purple": (0.77, 0.7, 0.75),
    "cyan": (0.5, 0.65, 0.9),
    "yellow": (0.15, 0.75, 0.95),
}


@dataclass(frozen=True)
class CraftScene:
    """A sampled scene.

    Attributes:
        layout: key of :data:`worlds.craft.layouts.LAYOUTS`.
        seed: that it was sampled with.
        scene: the bodies; objects have the identities 1, 2, ..., platforms, ramps and baskets the
            following ones, ground and walls 0.
        things: the objects, by ascending identity.
        look: paints and backdrop.
    """

    layout: str
    seed: int
    scene: Scene
    things: tuple[Thing, ...]
    look: Look

    @property
    def moving(self) -> frozenset[int]:
        """Objects that move at the start."""
        bodies = self.scene.bodies
        return frozenset(b.identity for b in bodies if b.dynamic and b.velocity != (0.0, 0.0))

    @property
    def designed(self) -> DesignedScene:
        """What :func:`worlds.scenes.simulate` turns into frames and label maps."""
        return DesignedScene(self.layout, self.seed, self.scene, self.look)

    def without(self, identity: int) -> CraftScene:
        """The scene where one object never was: do(remove).

        Raises:
            ValueError: there is no such object.
        """
        if identity not in {thing.identity for thing in self.things}:
            raise ValueError(
                f"Only objects can be removed, {[t.identity for t in self.things]}; got {identity}."
            )
        things = tuple(thing for thing in self.things if thing.identity != identity)
        return replace(self, scene=self.scene.without(identity), things=things)

    def perturbed(self, number: int) -> CraftScene:
        """A scene that differs by up to 2 %, the same on every call with the same number.

        Every object is moved by up to 2 % of its extent (what is at rest only along its support);
        velocities, density, friction and restitution are changed by up to 2 % of their values.
        """
        rng = np.random.default_rng([self.seed, zlib.crc32(self.layout.encode()), 7, number])
        sizes = {thing.identity: 2 * SIZES[thing.size] for thing in self.things}
        bodies = tuple(
            _shaken(body, sizes[body.identity], rng) if body.dynamic else body
            for body in self.scene.bodies
        )
        return replace(self, scene=replace(self.scene, bodies=bodies))


def _shaken(body: Body, extent: float, rng: np.random.Generator) -> Body:
    noise = rng.uniform(-NOISE, NOISE, 7).tolist()
    still = body.velocity == (0.0, 0.0)
    (x, y), (vx, vy) = body.position, body.velocity
    # Only up, not into what it stands on: a thing may slide along its support.
    lift = 0.0 if still else abs(noise[1])
    return replace(
        body,
        position=(x + extent * noise[0], y + extent * lift),
        velocity=(vx * (1 + noise[2]), vy * (1 + noise[3])),
        density=body.density * (1 + noise[4]),
        friction=body.friction * (1 + noise[5]),
        restitution=body.restitution * (1 + noise[6]),
    )


def sample(layout: str, seed: int) -> CraftScene:
    """The scene number ``seed`` of a layout: the same on every call; half of them are mirrored.

    Raises:
        ValueError: there is no such layout.
        RuntimeError: the layout hardly ever gives a placement without overlap.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"No layout {layout!r}; choose one of {', '.join(LAYOUTS)}.")
    name = zlib.crc32(layout.encode())
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, name, attempt])
        arena = Arena(rng)
        LAYOUTS[layout](arena)
        scene = arena.scene()
        if not in_view(scene) or overlapping(scene):
            continue
        if rng.random() < 0.5:
            scene = mirrored(scene)
        things = arena.things()
        look = dress(things, scene, np.random.default_rng([seed, name, ATTEMPTS]))
        return CraftScene(layout, seed, scene, things, look)
    raise RuntimeError(
        f"Layout {layout!r}: objects overlap in {ATTEMPTS} placements of seed {seed}."
    )


def dress(things: tuple[Thing, ...], scene: Scene, rng: np.random.Generator) -> Look:
    """Paint objects in their colours, with a darker second one that shows how they turn."""
    paints = {thing.identity: _paint(thing.colour, rng) for thing in things}
    dark = float(rng.uniform(0.1, 0.25))
    black = Paint("black", "plain", *_pair((0.6, 0.1, dark)), 1.0, 0.0, 0)
    paints |= {identity: black for identity in (0, *scene.identities) if identity not in paints}
    light = float(rng.uniform(0.9, 1.0))
    first, second = _pair((float(rng.random()), 0.04, light))
    turn = float(rng.uniform(0, 2 * np.pi))
    return Look(paints, Backdrop(first, second, turn, 0.05, 0.01, int(rng.integers(2**31))))


def _paint(colour: str, rng: np.random.Generator) -> Paint:
    hue, saturation, value = PAINTS[colour]
    pair = _pair((hue, saturation, value * float(rng.uniform(0.95, 1.05))))
    pattern = ("plain", "halves", "stripes")[int(rng.integers(3))]
    return Paint(colour, pattern, *pair, 2.0, float(rng.uniform(0, np.pi)), 0)


def _pair(hsv: tuple[float, float, float]) -> tuple[Colour, Colour]:
    """A colour and the same, 15 % darker."""
    hue, saturation, value = hsv
    value = min(value, 1.0)
    first = colorsys.hsv_to_rgb(hue, saturation, value)
    return first, colorsys.hsv_to_rgb(hue, saturation, 0.85 * value)
