"""Pictures and masks of a source in the size of the data set."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Integer, Shaped, UInt8
from numpy import ndarray
from PIL import Image

Fit = Literal["crop", "stretch"]
SHORTEST_SIDE = 8  # pixels; less shows nothing
LONGEST_SIDE = 16_384  # pixels; more is refused before it is worked on


def fitted(picture: UInt8[ndarray, "h w 3"], size: int, fit: Fit) -> UInt8[ndarray, "s s 3"]:
    """A square picture: the largest centred square, or all of it stretched; bilinear, antialiased.

    Raises:
        ValueError: not an RGB picture of bytes, or a side outside ``SHORTEST_SIDE`` to
            ``LONGEST_SIDE``.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"uint8 (h, w, 3) expected, came {picture.dtype} {picture.shape}.")
    picture = _square(picture, fit)
    if picture.shape[:2] == (size, size):
        return picture
    resized = Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def fitted_ids(ids: Integer[ndarray, "h w"], size: int, fit: Fit) -> Integer[ndarray, "s s"]:
    """A map of ids cut like :func:`fitted` cuts; each pixel takes the id at its centre.

    Raises:
        ValueError: a side outside ``SHORTEST_SIDE`` to ``LONGEST_SIDE``.
    """
    ids = _square(ids, fit)
    rows, columns = (
        ((np.arange(size) + 0.5) * side / size).astype(np.intp) for side in ids.shape[:2]
    )
    return ids[rows[:, None], columns]


def _square(picture: Shaped[ndarray, "h w *c"], fit: Fit) -> Shaped[ndarray, "h2 w2 *c"]:
    height, width = picture.shape[:2]
    if not SHORTEST_SIDE <= min(height, width) <= max(height, width) <= LONGEST_SIDE:
        raise ValueError(
            f"Sides of {SHORTEST_SIDE} to {LONGEST_SIDE} pixels expected, came {height}x{width}."
        )
    if fit == "stretch":
        return picture
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]
