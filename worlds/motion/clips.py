"""Sets of motion clips, each made when it is asked for and the same every time."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worlds.motion.clutter import background, flicker, paint_slow_shapes
from worlds.motion.courses import SIDE, STEPS, Course, pair_course, straight_course
from worlds.motion.drawing import Shape, paint
from worlds.motion.perturbations import Perturbation

Scene = Literal["simple", "complex", "pair"]
Order = Literal["forward", "reversed", "shuffled", "static"]
Boundary = Literal["inside", "wrap"]

DIRECTIONS = ("right", "up right", "up", "up left", "left", "down left", "down", "down right")
PER_CLASS = {"simple": 50, "complex": 25, "pair": 50}
SMALLEST = 16  # pixels; discs have a radius of 0.6 there
VALUES = (255.0, 128.0)  # gray levels of the first and second disc
UNPERTURBED = Perturbation()
CLIP, SHUFFLE = 0, 1  # streams of draws of one clip


@dataclass(frozen=True)
class MotionState:
    """What else is true of a clip, in pixels of its own size and in its own frames.

    Attributes:
        x: middle of the motion from the left, the mean place of the discs; on a torus inside it.
        y: likewise from the bottom.
        speed: mean, in pixels per frame.
        radius: of each disc.
        contact: whether two discs bounce off each other.
    """

    x: float
    y: float
    speed: float
    radius: float
    contact: bool


@dataclass(frozen=True)
class MotionClip:
    """A clip: ``frames`` ``(t, size, size, 3)`` RGB 0..255, ``label`` a number of DIRECTIONS."""

    frames: NDArray[np.uint8]
    label: int
    state: MotionState


@dataclass(frozen=True)
class MotionClips:
    """A set of clips of known motion; nothing is stored, 3 to 60 ms a clip of 16 x 256 x 256.

    ``simple`` (SCS): a white disc on black at constant speed, radius 10..20 pixels and 4..9 pixels
    per frame where clips have 16 frames of 256 pixels. ``complex`` (CSC): the speed varies, before
    a cloudy background with slow shapes, flicker and noise. ``pair``: two discs that bounce or
    pass; the label is where the brighter one is heading at first.

    In other sizes lengths grow with the side; in clips of other lengths the way is the same, so the
    speed in pixels per frame is that of 16 frames times ``15 / (frames - 1)``.

    Clip ``i`` has the class ``i % 8``; its draws come from (split, seed, class, ``i // 8``) alone.
    So splits share no clips, a longer set begins with the shorter one, and sets that differ in
    size, order, scene or perturbation show the same motion clip by clip.

    Source: causal state variables, section on data. Its sizes, speeds and counts are kept; where
    it is silent the reference of this project decides.

    Attributes:
        frames: per clip.
        size: height and width in pixels.
        scene: what is shown.
        per_class: clips of each direction; 50 (complex: 25) by default.
        split: any name.
        seed: of the whole set.
        order: ``reversed`` moves the label by 180 degrees; ``shuffled`` frames have no direction,
            and ``static`` ones (the mean of all, shown in each) only an axis, under the old label.
        boundary: ``wrap`` makes the frame a torus: no place says anything of the direction.
        perturbation: shift of the whole set.
    """

    frames: int = 16
    size: int = 256
    scene: Scene = "simple"
    per_class: int | None = None
    split: str = "train"
    seed: int = 0
    order: Order = "forward"
    boundary: Boundary = "inside"
    perturbation: Perturbation = UNPERTURBED

    def __post_init__(self) -> None:
        """Refuse sizes and combinations that give no clips."""
        if self.frames < 2 or self.size < SMALLEST:
            raise ValueError(
                f"Motion needs at least 2 frames and {SMALLEST} pixels, got frames={self.frames} "
                f"and size={self.size}."
            )
        if self.per_class is not None and self.per_class < 1:
            raise ValueError(f"per_class must be at least 1, got {self.per_class}.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be in 0..2^32-1, got {self.seed}.")
        if self.scene == "pair" and (self.boundary == "wrap" or self.order == "reversed"):
            raise ValueError(
                "Two discs keep inside the frame, and after a bounce the reversed clip has another "
                f"first direction; got boundary={self.boundary!r} and order={self.order!r}. Use "
                "scene='simple' or 'complex'."
            )

    def __len__(self) -> int:
        """Number of clips."""
        return len(DIRECTIONS) * (self.per_class or PER_CLASS[self.scene])

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels of all clips, in turn; no clip is drawn for them."""
        turn = len(DIRECTIONS) // 2 if self.order == "reversed" else 0
        return (np.arange(len(self)) + turn) % len(DIRECTIONS)

    def clip(self, number: int) -> MotionClip:
        """One clip.

        Raises:
            IndexError: no such clip.
            ValueError: perturbed discs would leave the frame, or blocks do not fit into it.
        """
        label, index = self._place(number)
        rng = self._rng(label, index, CLIP)
        course = self._course(rng, label)
        gray = self.perturbation.on_frames(self._drawn(rng, course))
        frames = self._reordered((gray.clip(0, 255) + 0.5).astype(np.uint8), label, index)
        colour = frames[..., None].repeat(3, axis=-1)
        return MotionClip(colour, int(self.labels[number]), self._state(course))

    def state(self, number: int) -> MotionState:
        """The state of one clip alone, without drawing its pixels; raises as :meth:`clip` does."""
        label, index = self._place(number)
        return self._state(self._course(self._rng(label, index, CLIP), label))

    def _place(self, number: int) -> tuple[int, int]:
        """Direction, as drawn, and number within it."""
        if not 0 <= number < len(self):
            raise IndexError(f"No clip {number}; the set has {len(self)}.")
        index, label = divmod(number, len(DIRECTIONS))
        return label, index

    def _rng(self, label: int, index: int, stream: int) -> np.random.Generator:
        return np.random.default_rng(
            [zlib.crc32(self.split.encode()), self.seed, label, index, stream]
        )

    def _course(self, rng: np.random.Generator, label: int) -> Course:
        direction = 2 * math.pi * label / len(DIRECTIONS)
        speed, radius = self.perturbation.speed, self.perturbation.radius
        if self.scene == "pair":
            return pair_course(
                rng, direction=direction, frames=self.frames, speed=speed, radius=radius
            )
        return straight_course(
            rng,
            direction=direction,
            frames=self.frames,
            speed=speed,
            radius=radius,
            uneven=self.scene == "complex",
            wrap=self.boundary == "wrap",
        )

    def _drawn(self, rng: np.random.Generator, course: Course) -> NDArray[np.float32]:
        canvas = np.zeros((self.frames, self.size, self.size), np.float32)
        if self.scene == "complex":
            canvas += background(rng, self.size)
            paint_slow_shapes(rng, canvas)
        scale = self.size / SIDE
        for places, value in zip(course.places, VALUES, strict=False):
            disc = Shape(course.radius * scale, value)
            paint(canvas, disc, places * scale, wrap=self.boundary == "wrap")
        return flicker(rng, canvas) if self.scene == "complex" else canvas

    def _reordered(self, frames: NDArray[np.uint8], label: int, index: int) -> NDArray[np.uint8]:
        if self.order == "reversed":
            return frames[::-1]
        if self.order == "shuffled":
            return self._rng(label, index, SHUFFLE).permutation(frames)
        if self.order == "static":
            mean = (frames.mean(axis=0) + 0.5).astype(np.uint8)
            return np.broadcast_to(mean, frames.shape)
        return frames

    def _state(self, course: Course) -> MotionState:
        scale = self.size / SIDE
        return MotionState(
            x=float(course.centre[0] * scale),
            y=float(course.centre[1] * scale),
            speed=course.speed * scale * STEPS / (self.frames - 1),
            radius=course.radius * scale,
            contact=course.contact,
        )
