"""How much of each token an object covers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray


def coverage_of(
    labels: UInt8[ndarray, "t h w"], objects: int, *, patch: int, tubelet: int
) -> UInt8[ndarray, "k tt hh ww"]:
    """Covered share of every token as ``ceil(255 * covered pixels / pixels)``.

    Rounded up, so that a single pixel is not lost: ``coverage > 0`` is exactly "the object appears
    in this token" (Causal-JEPA, Algorithm 2).

    Raises:
        ValueError: a label is above ``objects``, or the clip does not divide into tokens.
    """
    frames, height, width = labels.shape
    if frames % tubelet or height % patch or width % patch:
        raise ValueError(
            f"Labels {labels.shape} do not divide into {tubelet} frames x {patch} x {patch} pixels."
        )
    check_labels(labels, objects)
    grid = frames // tubelet, height // patch, width // patch
    tokens = grid[0] * grid[1] * grid[2]
    bins = labels * np.intp(tokens) + _token_of_pixel(labels.shape, patch, tubelet)
    counts = np.bincount(bins.ravel(), minlength=(objects + 1) * tokens)
    pixels = tubelet * patch * patch
    covered = (counts[tokens:] * 255 + pixels - 1) // pixels
    return covered.astype(np.uint8).reshape(objects, *grid)


def check_labels(labels: UInt8[ndarray, "t h w"], objects: int) -> None:
    """Refuse ids that are not in the object table.

    Raises:
        ValueError: a label is above ``objects``.
    """
    top = int(labels.max(initial=0))
    if top > objects:
        frame = int((labels == top).any(axis=(1, 2)).argmax())
        raise ValueError(
            f"Frame {frame} of the label map names object {top}, but the object table has "
            f"{objects} entries (ids start at 1, 0 is background)."
        )


@lru_cache(maxsize=8)
def _token_of_pixel(shape: tuple[int, int, int], patch: int, tubelet: int) -> Int[ndarray, "t h w"]:
    """The token, counted row by row, that each pixel belongs to."""
    time, row, column = np.ogrid[: shape[0], : shape[1], : shape[2]]
    hh, ww = shape[1] // patch, shape[2] // patch
    return ((time // tubelet * hh + row // patch) * ww + column // patch).astype(np.intp)
