"""Objects of single pictures without a network: what stands out of the backdrop, divided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Integer, UInt8
from numpy import ndarray
from scipy import ndimage

from data_prep.masks.backdrop import backdrop
from data_prep.masks.opponent import opponent
from data_prep.masks.outlines import outlined_share, outlined_things
from data_prep.masks.pixel_groups import pixel_groups
from data_prep.masks.proposed import Proposer
from data_prep.masks.segmenter import Proposals
from data_prep.masks.superpixels import colour_regions

DRAWN = 0.2
"""Share of dark rims from which on a clip counts as drawn: frames of scenes have 0.66 or more, 0.26
after JPEG of quality 90 with halved chroma, and a video of bottles has at most 0.13."""

SCENERY = 0.5
"""What takes more than this share of one side of the picture is floor, wall or backdrop."""

LEAST_AREA = 2.5e-4  # of the picture: specks
LARGEST_HOLE = 0.25  # of the thing around it


@dataclass(frozen=True)
class Regions(Proposer):
    """Things that stand out of large smooth surfaces, divided by outline or by colour.

    The backdrop (:func:`data_prep.masks.backdrop.backdrop`) and what covers most of a side of the
    picture are left out. The rest is divided

    - in a drawing, where outlines lie: things may have patterns of any colours
      (:func:`data_prep.masks.outlines.outlined_things`), and masks are exact to the pixel;
    - otherwise into superpixels that are merged by colour
      (:func:`data_prep.masks.superpixels.colour_regions`): a thing of several colours falls apart
      unless one of them is a small part.

    Made for drawn scenes and for things before plain walls. Textured surroundings are divided into
    regions of like colour, which are rarely objects, and in drawings that were compressed patterns
    fall apart more often. Things of one colour that touch without an
    outline between them, and things of the colour of their surroundings, are not told apart.
    Every score is 1: there is no confidence.

    Args:
        tolerance: distance in opponent colours (steps of a byte) from a surface up to which a
            pixel belongs to the backdrop.
        outlines: whether things have a dark outline; None looks at the clip.
        difference: distance from which on two regions of a photograph stay apart.
        part: regions with less than this share of what they are connected with are parts of it.
        superpixels: how many a photograph is divided into.
    """

    tolerance: float = 10.0
    outlines: bool | None = None
    difference: float = 40.0
    part: float = 0.1
    superpixels: int = 150

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ValueError: a distance or count that is not above 0, or a share outside 0 to 1.
        """
        for name in ("tolerance", "difference", "superpixels"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}.")
        if not 0 <= self.part <= 1:
            raise ValueError(f"part must be within [0, 1], got {self.part}.")

    @property
    def name(self) -> str:
        """The method and its settings."""
        return str(self)

    def propose(self, frames: UInt8[ndarray, "t h w 3"]) -> Iterator[Proposals]:
        """Regions of every frame; they do not overlap."""
        things = [~backdrop(opponent(frame), tolerance=self.tolerance) for frame in frames]
        drawn = self._drawn(frames, things) if self.outlines is None else self.outlines
        for frame, thing in zip(frames, things, strict=True):
            yield self._regions(frame, thing, drawn=drawn)

    def _drawn(self, frames: UInt8[ndarray, "t h w 3"], things: list[Bool[ndarray, "h w"]]) -> bool:
        counts = [outlined_share(f, thing) for f, thing in zip(frames, things, strict=True)]
        dark, total = (sum(numbers) for numbers in zip((0, 0), *counts, strict=True))
        return dark > DRAWN * total

    def _regions(
        self, frame: UInt8[ndarray, "h w 3"], things: Bool[ndarray, "h w"], *, drawn: bool
    ) -> Proposals:
        if drawn:
            return _proposals(outlined_things(frame, things), things)
        # The seam of two surfaces, a blurred edge, is thinner than the square.
        things = ndimage.binary_opening(_filled(things), np.ones((3, 3), dtype=bool))
        regions = colour_regions(
            frame,
            things,
            superpixels=self.superpixels,
            difference=self.difference,
            part=self.part,
        )
        return _proposals(regions, things)


def _filled(things: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Backdrop enclosed by a thing many times its size belongs to the thing."""
    whole = pixel_groups(things[:, 1:] & things[:, :-1], things[1:] & things[:-1])
    whole = np.where(things, whole + 1, 0)
    filled = things.copy()
    for number, box in enumerate(ndimage.find_objects(whole), 1):
        if box is not None:
            filled[box] |= _without_holes(whole[box] == number)
    return filled


def _without_holes(mask: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    holes = ndimage.binary_fill_holes(mask) & ~mask
    if not holes.any():
        return mask
    numbers, _ = ndimage.label(holes)
    small = np.bincount(numbers.ravel()) <= LARGEST_HOLE * np.count_nonzero(mask)
    return mask | (holes & small[numbers])


def _proposals(regions: Integer[ndarray, "h w"], things: Bool[ndarray, "h w"]) -> Proposals:
    """A mask for each region that is neither speck nor scenery."""
    numbers = np.where(things, regions + 1, 0)
    size = np.bincount(numbers.ravel())
    large = size >= LEAST_AREA * numbers.size
    large[0] = False
    for side in (numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]):
        large &= np.bincount(side, minlength=len(size)) <= SCENERY * len(side)
    chosen = np.flatnonzero(large)
    masks = np.zeros((len(chosen), *numbers.shape), dtype=bool)
    boxes = ndimage.find_objects(numbers)
    for mask, number in zip(masks, chosen, strict=True):
        box = boxes[number - 1]
        own = numbers[box] == number
        # Holes that show another region stay holes.
        mask[box] = own | (_without_holes(own) & ~things[box])
    return Proposals(masks, np.ones(len(chosen)))
