"""Finds the masks of one object again from frame to frame (Hungarian), with birth and death."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from scipy.optimize import linear_sum_assignment

from data_prep.masks.mask_looks import Looks, look
from data_prep.masks.packed_bits import intersections, overlap
from data_prep.masks.segmenter import Proposals

COLOUR_SCALE = 0.1
"""Distance of two colour distributions, as a share of their range, at which likeness is 1/e."""

WHOLE_DECAY = 0.9
"""How much of an object's area when less hidden is remembered from frame to frame."""


@dataclass(frozen=True)
class Track:
    """One object over a clip.

    Attributes:
        frames: numbers of the frames in which it was found, ascending.
        rows: which of the proposals of each of those frames it is.
        areas: its pixels in each of those frames.
        score: mean confidence.
    """

    frames: tuple[int, ...]
    rows: tuple[int, ...]
    areas: tuple[int, ...]
    score: float

    @property
    def mean_area(self) -> float:
        """Pixels, over the frames in which it was found."""
        return sum(self.areas) / len(self.areas)


@dataclass(frozen=True)
class Linking:
    """Which masks of successive frames are one object.

    Of a known object and a mask, ``place`` is how well they agree in where they are and ``kind`` in
    what they look like, both 0 to 1, and their likeness is ``place^(1 - a) * kind^a``: a mask in
    the right place with another look is refused, as is the same look far away.

    - ``place = o * IoU + (1 - o) * exp(-distance / (side * gap))``: IoU with the mask as last seen;
      distance of the centre from where the last velocity leads, in sides (square root of the
      object's area when less hidden) and frames since it was seen.
    - ``kind = exp(-colour distance / 0.1) * sqrt(smaller / larger area)``: earth mover's distance
      of the colours inside the masks. Growing back to a size once seen costs nothing.

    Each frame takes the assignment of the greatest total likeness (Hungarian method). A mask that
    is left over is born as a new object; one unseen for more than ``patience`` frames is dead.

    Args:
        appearance: ``a``, the weight of colours and size (``kind``) against ``place``, 0 to 1.
        overlap: ``o``, the weight of IoU within ``place`` against the distance of the centres, 0 to
            1.
        gate: least likeness of a link, above 0 up to 1.
        patience: how many frames an object may be missing and still be known again.

    Raises:
        ValueError: a setting is out of range.
    """

    appearance: float = 0.5
    overlap: float = 0.5
    gate: float = 0.1
    patience: int = 8

    def __post_init__(self) -> None:
        for name in ("appearance", "overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be within [0, 1], got {getattr(self, name)}.")
        if not 0 < self.gate <= 1:
            raise ValueError(f"gate must be above 0 and at most 1, got {self.gate}.")
        if self.patience < 0:
            raise ValueError(f"patience counts frames from 0, got {self.patience}.")

    def link(
        self, frames: UInt8[ndarray, "t h w 3"], proposals: Sequence[Proposals]
    ) -> list[Track]:
        """Link the proposals of a clip, in the order of birth.

        Every mask that has a pixel ends in one track.
        The same objects result whatever the order of a frame's proposals.

        Raises:
            ValueError: not one set of proposals per frame, or masks of another size.
        """
        if len(frames) != len(proposals):
            raise ValueError(
                f"One set of proposals per frame: {len(frames)} frames, {len(proposals)} sets."
            )
        alive: list[_Known] = []
        known: list[_Known] = []
        for number, (frame, proposed) in enumerate(zip(frames, proposals, strict=True)):
            if proposed.masks.shape[1:] != frame.shape[:2]:
                raise ValueError(
                    f"Frame {number} is {frame.shape[:2]}, but its masks are "
                    f"{proposed.masks.shape[1:]}."
                )
            alive = [one for one in alive if number - one.frames[-1] <= self.patience + 1]
            looks = look(frame, proposed)
            born = self._extend(alive, looks, number)
            alive += born
            known += born
        return [one.track(proposals) for one in known]

    def _extend(self, alive: list[_Known], looks: Looks, number: int) -> list[_Known]:
        """Give living objects their masks of a frame; the others are new objects."""
        likeness = self._likeness(alive, looks, number)
        gated = np.where(likeness >= self.gate, likeness, 0.0)
        taken = set()
        for old, new in zip(*linear_sum_assignment(gated, maximize=True), strict=True):
            if gated[old, new] > 0:
                alive[old].see(looks, new, number)
                taken.add(new)
        return [_Known(looks, new, number) for new in range(len(looks.rows)) if new not in taken]

    def _likeness(
        self, alive: Sequence[_Known], looks: Looks, number: int
    ) -> Float[ndarray, "m n"]:
        if not alive or not len(looks.rows):
            return np.zeros((len(alive), len(looks.rows)))
        areas = np.array([one.areas[-1] for one in alive])
        whole = np.array([one.whole for one in alive])
        gaps = np.array([number - one.frames[-1] for one in alive])
        iou = overlap(
            intersections(np.stack([one.bits for one in alive]), looks.bits), areas, looks.areas
        )
        expected = np.stack(
            [one.centre + one.velocity * (number - one.frames[-1]) for one in alive]
        )
        away = np.linalg.norm(expected[:, None] - looks.centres[None], axis=2)
        near = np.exp(-away / (np.sqrt(whole) * gaps)[:, None])
        colours = np.stack([one.colours for one in alive])
        differ = np.abs(colours[:, None] - looks.colours[None]).mean(axis=2)
        size = np.minimum(looks.areas / areas[:, None], whole[:, None] / looks.areas).clip(max=1)
        place = self.overlap * iou + (1 - self.overlap) * near
        kind = np.exp(-differ / COLOUR_SCALE) * np.sqrt(size)
        return place ** (1 - self.appearance) * kind**self.appearance


class _Known:
    """An object while its clip is being linked, as it was last seen."""

    def __init__(self, looks: Looks, row: int, number: int) -> None:
        self.frames: list[int] = []
        self.rows: list[int] = []
        self.areas: list[int] = []
        self.centre = looks.centres[row]
        self.velocity = np.zeros(2)
        self.whole = 0.0
        self.colours = looks.colours[row]
        self.see(looks, row, number)

    def see(self, looks: Looks, row: int, number: int) -> None:
        """Take a mask as this object's in frame ``number``; colours and velocity are smoothed."""
        area = float(looks.areas[row])
        if self.frames:
            moved = (looks.centres[row] - self.centre) / (number - self.frames[-1])
            # What is covered or uncovered moves the centre too, but is no motion.
            trust = min(area, self.areas[-1]) / max(area, self.areas[-1])
            weight = trust / min(2, len(self.frames))
            self.velocity = self.velocity + weight * (moved - self.velocity)
        self.whole = max(area, WHOLE_DECAY * self.whole)
        self.colours = (self.colours + looks.colours[row]) / 2
        self.centre, self.bits = looks.centres[row], looks.bits[row]
        self.frames.append(number)
        self.rows.append(int(looks.rows[row]))
        self.areas.append(int(looks.areas[row]))

    def track(self, proposals: Sequence[Proposals]) -> Track:
        """What was seen."""
        members = zip(self.frames, self.rows, strict=True)
        score = float(np.mean([proposals[frame].scores[row] for frame, row in members]))
        return Track(tuple(self.frames), tuple(self.rows), tuple(self.areas), score)
