"""One action tried in one task: did it solve it, and what was to be seen."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worlds.phyre.features import featurise
from worlds.phyre.task import COLOURS, PIXELS_PER_METRE, SIZE, WALLS, Ball, Task, TaskBody
from worlds.raster import rasterise
from worlds.trajectory import Trajectory, by_identity

PALETTE = np.array(
    [
        (255, 255, 255),
        (243, 79, 70),
        (107, 206, 187),
        (24, 119, 242),
        (75, 74, 164),
        (185, 202, 210),
        (0, 0, 0),
    ],
    np.uint8,
)
"""RGB of COLOURS, as in the official viewer."""


class Status(enum.IntEnum):
    """What came of an action."""

    NOT_SOLVED = -1
    INVALID = 0
    SOLVED = 1


@dataclass(frozen=True)
class Simulation:
    """What happened. Pictures are drawn when first asked for; an invalid action has no frames.

    Attributes:
        task: the task.
        balls: the user's balls on the pixel grid.
        status: what came of it.
        identities: ids of the objects that took part, ascending: the rows of ``states``. Ids count
            the bodies after the walls from 1, the user's balls last.
        trajectory: all bodies, walls first; its steps are 1, 1 + stride, ... as in the official
            simulator, which records after a step.
        solved_at: the step after which the relation had held for 180 steps, or None.
    """

    task: Task
    balls: tuple[Ball, ...]
    status: Status
    identities: tuple[int, ...]
    trajectory: Trajectory
    solved_at: int | None = None
    _drawn: dict[tuple[int, bool], NDArray[np.uint8]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def bodies(self) -> tuple[TaskBody, ...]:
        """The bodies that took part, walls first, user's balls last."""
        every = self.task.with_balls(self.balls)
        return every[:WALLS] + tuple(every[WALLS - 1 + identity] for identity in self.identities)

    @property
    def states(self) -> NDArray[np.float64]:
        """``(T, K, 6)``: x, y in m, angle in rad, velocity in m/s, angular velocity in rad/s."""
        return self.trajectory.states[:, WALLS:]

    @cached_property
    def contacts(self) -> NDArray[np.void]:
        """Rows (step, a, b, impulse in N s), ``a < b`` object ids, 0 for the walls."""
        return by_identity(self.trajectory.contacts, (0,) * WALLS + self.identities)

    @cached_property
    def pixels(self) -> NDArray[np.float32]:
        """``(T, bodies, 3)``: x, y in pixels, angle in rad, in single precision."""
        poses = self.trajectory.states[:, :, :3].astype(np.float32)
        poses[..., :2] *= np.float32(PIXELS_PER_METRE)
        return poses

    @cached_property
    def objects(self) -> NDArray[np.float32]:
        """``(T, N, 14)`` official features of every body with a shape type, see `featurise`."""
        return featurise(self.bodies, self.pixels)

    @property
    def images(self) -> NDArray[np.uint8]:
        """``(T, 256, 256)`` official colour indices, row 0 lowest."""
        return np.take(self._colours, self._top_bodies(SIZE, top_first=False))

    @property
    def labels(self) -> NDArray[np.uint8]:
        """``(T, 256, 256)`` object ids, row 0 lowest; 0 is background."""
        return np.take(self._ids, self._top_bodies(SIZE, top_first=False))

    def frames(self, size: int) -> NDArray[np.uint8]:
        """``(T, size, size, 3)`` RGB, top row first."""
        colours = PALETTE[self._colours]
        return np.take(colours, self._top_bodies(size, top_first=True), axis=0)

    def label_maps(self, size: int) -> NDArray[np.uint8]:
        """``(T, size, size)`` object ids, top row first; 0 is background."""
        return np.take(self._ids, self._top_bodies(size, top_first=True))

    @cached_property
    def _colours(self) -> NDArray[np.uint8]:
        return np.array([0, *(COLOURS.index(body.colour) for body in self.bodies)], np.uint8)

    @cached_property
    def _ids(self) -> NDArray[np.uint8]:
        return np.array([0] * (WALLS + 1) + list(self.identities), np.uint8)

    def _top_bodies(self, size: int, *, top_first: bool) -> NDArray[np.uint8]:
        """Which body is on top, the last drawing kept because frames and labels share it."""
        key = (size, top_first)
        if key not in self._drawn:
            if size < 1:
                raise ValueError(f"Expected a size of at least one pixel; got {size}.")
            self._drawn.clear()
            self._drawn[key] = rasterise(
                [body.shapes for body in self.bodies],
                self.pixels,
                size=(size, size),
                scale=size / SIZE,
                top_first=top_first,
            )
        return self._drawn[key]
