"""Pictures of a recording in the size of the data set."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

Fit = Literal["crop", "stretch"]


def fitted(picture: UInt8[ndarray, "h w 3"], size: int, fit: Fit) -> UInt8[ndarray, "s s 3"]:
    """A square picture: the largest centred square, or all of it stretched; bilinear, antialiased.

    Raises:
        ValueError: not an RGB picture of bytes.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"uint8 (h, w, 3) expected, came {picture.dtype} {picture.shape}.")
    if fit == "crop":
        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        picture = picture[top : top + side, left : left + side]
    if picture.shape[:2] == (size, size):
        return picture
    resized = Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized)
