"""The register of designed layouts, and scenes sampled from them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from worlds.scene import Scene
from worlds.scenes import falling, hinged, rolling, sliding
from worlds.scenes.look import Look, dress
from worlds.scenes.overlap import in_view, overlapping
from worlds.scenes.stage import Stage, mirrored

ATTEMPTS = 100


@dataclass(frozen=True)
class Layout:
    """A way to place bodies.

    Attributes:
        build: places the bodies; draws every number from the stage.
        gravity: m/s^2 along y; 0 is a table seen from above.
    """

    build: Callable[[Stage], None]
    gravity: float = -9.8


FALLING = (falling.stack, falling.funnel, falling.basket, falling.pegs, falling.bridge)
ROLLING = (rolling.ramp, rolling.slopes, rolling.dominoes, rolling.shelf)
HINGED = (hinged.pendulum, hinged.seesaw, hinged.cradle, hinged.spinner, hinged.hammock)
SLIDING = (sliding.billiards, sliding.crossing)

LAYOUTS: dict[str, Layout] = {
    **{build.__name__: Layout(build) for build in FALLING + ROLLING + HINGED},
    **{build.__name__: Layout(build, gravity=0.0) for build in SLIDING},
}


@dataclass(frozen=True)
class DesignedScene:
    """A sampled scene and its look.

    Attributes:
        layout: key of :data:`LAYOUTS`.
        seed: seed that it was sampled with.
        scene: bodies and joints. Movable bodies and obstacles have identities 1, 2, ...; floor,
            walls and ceiling have 0.
        look: paints by identity, and the backdrop.
    """

    layout: str
    seed: int
    scene: Scene
    look: Look

    @property
    def identities(self) -> tuple[int, ...]:
        """Ids of all objects, each of which can be removed."""
        return self.scene.identities

    def without(self, identity: int) -> DesignedScene:
        """The same scene, equally painted, where one object never was.

        Raises:
            ValueError: the scene has no such object.
        """
        return replace(self, scene=self.scene.without(identity))


def sample(layout: str, seed: int) -> DesignedScene:
    """The scene number ``seed`` of a layout: the same on every call.

    Half of the scenes are mirrored. Placements where bodies overlap, or where a movable body sticks
    out of the picture, are drawn again.

    Raises:
        ValueError: there is no such layout.
        RuntimeError: the layout hardly ever gives a placement without overlap.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"No layout {layout!r}; choose one of {', '.join(LAYOUTS)}.")
    chosen, name = LAYOUTS[layout], zlib.crc32(layout.encode())
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, name, attempt])
        stage = Stage(rng, gravity=chosen.gravity)
        chosen.build(stage)
        scene = stage.scene()
        if overlapping(scene) or not in_view(scene):
            continue
        if rng.random() < 0.5:
            scene = mirrored(scene)
        # Another stream, so that no colour depends on how many numbers the physics drew.
        scene, look = dress(scene, np.random.default_rng([seed, name, ATTEMPTS]))
        return DesignedScene(layout, seed, scene, look)
    raise RuntimeError(
        f"Layout {layout!r}: bodies overlap in {ATTEMPTS} placements of seed {seed}."
    )
