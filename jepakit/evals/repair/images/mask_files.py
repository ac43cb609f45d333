"""Photographs and masks as files, and masks brought to the size of their photograph."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, Shaped, UInt8
from PIL import Image
from scipy import ndimage

from jepakit.evals.repair.images.masked_images import UnusableImage

_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    zlib.error,
    struct.error,
    Image.DecompressionBombError,
)
_EIGHT = np.ones((3, 3), bool)  # pixels touch at their corners too


def read_photograph(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """A picture in colour, as it is stored.

    An EXIF orientation is not followed: masks belong to the stored pixels.

    Raises:
        UnusableImage: it cannot be read, or has grey levels of more than 8 bits.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode[0] in "IF":
                raise ValueError(f"mode {picture.mode}; 8 bits per colour expected")
            return np.array(picture.convert("RGB"))
    except _DAMAGED as error:
        raise UnusableImage("unreadable", f"{path}: {error}") from error


def read_indices(path: Path) -> UInt8[np.ndarray, "h w"]:
    """The numbers of a grey or palette picture, not the colours that the palette gives them.

    Raises:
        UnusableImage: no such file, a damaged one, or one that holds colours.
    """
    if not path.is_file():
        raise UnusableImage("no mask", f"there is no {path}.")
    try:
        with Image.open(path) as picture:
            if picture.mode not in ("L", "P"):
                raise ValueError(f"mode {picture.mode}; one 8-bit number per pixel expected")
            return np.array(picture)
    except _DAMAGED as error:
        raise UnusableImage("unreadable", f"{path}: {error}") from error


def read_segments(path: Path) -> Int[np.ndarray, "h w"]:
    """Ids of a COCO panoptic PNG: R + 256 G + 65536 B; 0 is unlabelled.

    Raises:
        UnusableImage: no such file or a damaged one.
    """
    if not path.is_file():
        raise UnusableImage("no mask", f"there is no {path}.")
    red, green, blue = np.moveaxis(read_photograph(path).astype(np.int64), -1, 0)
    return red + 256 * green + 65536 * blue


def same_size(
    mask: Shaped[np.ndarray, "h w"], size: tuple[int, int], name: str
) -> Shaped[np.ndarray, "h2 w2"]:
    """A mask in the size of its photograph, nearest pixel.

    Masks stored smaller or larger are common; one of another shape belongs to another picture.

    Raises:
        UnusableImage: its sides have another ratio, by more than the rounding of a pixel.
    """
    (height, width), (rows, columns) = mask.shape, size
    if abs(height * columns - rows * width) > max(rows, columns, height, width):
        raise UnusableImage(
            "mask of another size",
            f"{name}: the mask has {height}x{width} pixels, the image {rows}x{columns}.",
        )
    if (height, width) == size:
        return mask
    return mask[np.ix_(nearest(height, rows), nearest(width, columns))]


def nearest(length: int, wanted: int) -> Int[np.ndarray, " wanted"]:
    """The pixels of a row of ``length`` below the centres of ``wanted`` equal parts of it."""
    return ((np.arange(wanted) + 0.5) * length / wanted).astype(np.int64)


def touching(
    part: Bool[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    """The connected pieces of ``part`` that lie next to ``mask``.

    The unknown rim of an object is the object's; that of an object elsewhere is not.
    """
    pieces, count = ndimage.label(part, _EIGHT)
    beside = ndimage.binary_dilation(mask, _EIGHT) & part
    keep = np.zeros(count + 1, bool)
    keep[pieces[beside]] = True
    keep[0] = False
    return keep[pieces]
