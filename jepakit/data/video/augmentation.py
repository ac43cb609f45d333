"""Which part of the picture a model sees: a random window in training, the centre otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from numpy import ndarray
from torch.nn import functional

_TRIES = 10


@dataclass(frozen=True)
class Window:
    """A part of every frame of a clip, in pixels of the video.

    Attributes:
        top: first row.
        left: first column.
        height: rows.
        width: columns.
        flip: whether left and right are exchanged.
    """

    top: int
    left: int
    height: int
    width: int
    flip: bool = False

    def resized(self, frame: UInt8[ndarray, "h w 3"], size: tuple[int, int]) -> torch.Tensor:
        """The part as uint8 ``(rows, columns, 3)`` of another size, bilinear and antialiased."""
        part = frame[self.top : self.top + self.height, self.left : self.left + self.width]
        picture = torch.from_numpy(part.copy()).permute(2, 0, 1)
        if (self.height, self.width) != size:
            picture = functional.interpolate(
                picture.unsqueeze(0), size, mode="bilinear", antialias=True
            ).squeeze(0)
        return (picture.flip(2) if self.flip else picture).permute(1, 2, 0)


@dataclass(frozen=True)
class Augmentation:
    """Windows of a random size, shape and place, mirrored half of the time; one for a whole clip.

    The random resized crop of V-JEPA 2 with its settings. Differs: the resize is antialiased.

    Attributes:
        scale: smallest and largest share of the picture's area.
        ratio: smallest and largest width over height.
        flip: mirror half of the clips; leave it out where left and right mean something.
        centre: of a validation clip, the share of the largest centred window that is seen; 0.875 is
            the official evaluation (short side to 256, centre 224).
        place: of a validation clip, where that window lies: 0 at the first rows and columns, 0.5 in
            the middle, 1 at the last.
    """

    scale: tuple[float, float] = (0.3, 1.0)
    ratio: tuple[float, float] = (0.75, 1.35)
    flip: bool = True
    centre: float = 0.875
    place: float = 0.5

    def __post_init__(self) -> None:
        """Refuse empty ranges."""
        if not 0 < self.scale[0] <= self.scale[1] <= 1 or not 0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(
                "scale must ascend within (0, 1] and ratio be positive and ascend, got "
                f"{self.scale} and {self.ratio}."
            )
        if not 0 < self.centre <= 1:
            raise ValueError(f"centre is a share in (0, 1], got {self.centre}.")
        if not 0 <= self.place <= 1:
            raise ValueError(f"place is from 0 to 1, got {self.place}.")

    def draw(self, size: tuple[int, int], generator: torch.Generator) -> Window:
        """A window for training.

        After ten windows that do not fit the picture, the largest centred one whose ratio is
        allowed.

        Args:
            size: rows and columns of the video.
            generator: of all draws, the same number of them for any size.
        """
        height, width = size
        flip, *shapes = torch.rand(1 + 4 * _TRIES, generator=generator).tolist()
        flipped = self.flip and flip < 0.5
        low, high = (math.log(ratio) for ratio in self.ratio)
        for number in range(_TRIES):
            area, shape, top, left = shapes[4 * number : 4 * number + 4]
            pixels = height * width * (self.scale[0] + area * (self.scale[1] - self.scale[0]))
            ratio = math.exp(low + shape * (high - low))
            rows, columns = round(math.sqrt(pixels / ratio)), round(math.sqrt(pixels * ratio))
            if 0 < rows <= height and 0 < columns <= width:
                top, left = int(top * (height - rows + 1)), int(left * (width - columns + 1))
                return Window(top, left, rows, columns, flipped)
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        return _centred(size, ratio, 1.0, flip=flipped)

    def middle(self, size: tuple[int, int], wanted: tuple[int, int]) -> Window:
        """The window for validation: resizing it is to resize the short side and cut the centre.

        Args:
            size: rows and columns of the video.
            wanted: rows and columns that the model takes.
        """
        ratio = wanted[1] / wanted[0]
        return _centred(size, ratio, self.centre, flip=False, place=self.place)


def _centred(
    size: tuple[int, int], ratio: float, share: float, *, flip: bool, place: float = 0.5
) -> Window:
    height, width = size
    rows = max(1, round(share * min(height, width / ratio)))
    columns = max(1, round(share * min(width, height * ratio)))
    top, left = int(place * (height - rows)), int(place * (width - columns))
    return Window(top, left, rows, columns, flip)
