"""Objects that move before a still camera, without a network: what differs from the background."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8
from numpy import ndarray
from scipy import ndimage

from data_prep.masks.opponent import colour_distance, noise_limit, opponent
from data_prep.masks.proposed import Proposer
from data_prep.masks.segmenter import Proposals

LEAST_AREA = 2.5e-4  # of the picture: specks


@dataclass(frozen=True)
class Motion(Proposer):
    """What differs from the background, the median of every pixel over the clip.

    Differences are of opponent colours, in which soft shadows are small; the limit adapts to the
    clip's noise. What stands still for most of the clip and then leaves is in the median; the place
    where it stood, uncovered, then differs in the frames afterwards. Such a place is known by its
    outline, which the background has and the frame has not: the background is corrected there,
    which also finds the object in the frames before.

    An object that stands still the whole clip is not found, nor is one in a clip of a single frame,
    and all that moves is found as soon as it touches as one object. A camera that moves makes
    everything differ.

    Args:
        tolerance: least distance in opponent colours (steps of a byte) from the background.
        deviations: the same in standard deviations of the clip's noise; the larger one counts.
        opening: a moving patch that a square of this many pixels does not fit into is noise; 1
            keeps all.

    Raises:
        ValueError: a setting is out of range.
    """

    tolerance: float = 12.0
    deviations: float = 5.0
    opening: int = 3

    def __post_init__(self) -> None:
        for name in ("tolerance", "deviations"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}.")
        if self.opening < 1:
            raise ValueError(f"opening counts pixels from 1, got {self.opening}.")

    @property
    def name(self) -> str:
        """The method and its settings."""
        return str(self)

    def propose(self, frames: UInt8[ndarray, "t h w 3"]) -> Iterator[Proposals]:
        """Connected patches that differ from the background; they do not overlap."""
        if not len(frames):
            return
        colours = np.stack([opponent(frame) for frame in frames])
        background = np.median(colours, axis=0)
        for moving, colour in zip(self._moving(colours, background), colours, strict=True):
            for number in range(1, int(moving.max(initial=0)) + 1):
                patch = moving == number
                if _outlined(background, patch) > _outlined(colour, patch):
                    background[:, patch] = colour[:, patch]
        for moving in self._moving(colours, background):
            count = int(moving.max(initial=0))
            masks = moving[None] == np.arange(1, count + 1)[:, None, None]
            yield Proposals(masks, np.ones(count))

    def _moving(
        self, colours: Float[ndarray, "t 3 h w"], background: Float[ndarray, "3 h w"]
    ) -> list[Integer[ndarray, "h w"]]:
        """The moving patches of each frame, numbered from 1; 0 stands still."""
        distance = colour_distance(colours.swapaxes(0, 1), background[:, None])
        everywhere = np.ones(distance.shape, dtype=bool)
        limit = noise_limit(distance, everywhere, self.tolerance, self.deviations)
        return [self._patches(frame > limit) for frame in distance]

    def _patches(self, moving: Bool[ndarray, "h w"]) -> Integer[ndarray, "h w"]:
        square = np.ones((self.opening, self.opening), dtype=bool)
        solid = ndimage.binary_fill_holes(moving)
        if self.opening > 1:
            # Grown back within the patch: corners stay, noise that merely touches goes.
            core = ndimage.binary_opening(solid, square)
            solid &= ndimage.binary_dilation(core, np.ones((3, 3), dtype=bool))
        numbers, _ = ndimage.label(solid)
        size = np.bincount(numbers.ravel())
        large = size >= LEAST_AREA * numbers.size
        large[0] = False
        return np.where(large, np.cumsum(large), 0)[numbers]


def _outlined(colours: Float[ndarray, "3 h w"], patch: Bool[ndarray, "h w"]) -> float:
    """Mean step of colour across the outline of a patch."""
    total, count = 0.0, 0
    for axis in (1, 2):
        rows, inside = np.moveaxis(colours, axis, 1), np.moveaxis(patch, axis - 1, 0)
        border = inside[1:] != inside[:-1]
        steps = colour_distance(rows[:, 1:], rows[:, :-1])[border]
        total, count = total + float(steps.sum()), count + len(steps)
    return total / max(1, count)
