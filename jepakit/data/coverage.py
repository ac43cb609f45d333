"""How much of each token and of each picture an object covers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray


@dataclass(frozen=True)
class Extent:
    """How far objects reach.

    Attributes:
        coverage: share of each token; see :func:`coverage_of`.
        pixels: of each object in each frame.
    """

    coverage: UInt8[ndarray, "k tt hh ww"]
    pixels: Int[ndarray, "k t"]


def extent_of(labels: UInt8[ndarray, "t h w"], objects: int, *, patch: int, tubelet: int) -> Extent:
    """Coverage of tokens and pixels of frames, in one pass.

    Raises:
        ValueError: a label is above ``objects``, or the clip does not divide into tokens.
    """
    frames, height, width = labels.shape
    if frames % tubelet or height % patch or width % patch:
        raise ValueError(
            f"Labels {labels.shape} do not divide into {tubelet} frames x {patch} x {patch} pixels."
        )
    check_labels(labels, objects)
    token = _token_of_pixel(height, width, patch)
    tokens = height // patch * (width // patch)
    counts = np.zeros((frames // tubelet, objects + 1, tokens), np.intp)
    pixels = np.empty((frames, objects + 1), np.intp)
    bins = np.empty_like(token)
    for frame, objects_here in enumerate(labels):  # a frame at a time stays in the cache
        np.multiply(objects_here, tokens, out=bins, dtype=np.intp)
        bins += token
        found = np.bincount(bins.ravel(), minlength=counts[0].size).reshape(counts[0].shape)
        counts[frame // tubelet] += found
        pixels[frame] = found.sum(axis=1)
    whole = tubelet * patch * patch
    covered = (counts[:, 1:] * 255 + whole - 1) // whole
    grid = frames // tubelet, objects, height // patch, width // patch
    coverage = covered.astype(np.uint8).reshape(grid).swapaxes(0, 1)
    return Extent(np.ascontiguousarray(coverage), pixels[:, 1:].T)


def coverage_of(
    labels: UInt8[ndarray, "t h w"], objects: int, *, patch: int, tubelet: int
) -> UInt8[ndarray, "k tt hh ww"]:
    """Covered share of every token as ``ceil(255 * covered pixels / pixels)``.

    Rounded up, so that a single pixel is not lost: ``coverage > 0`` is exactly "the object appears
    in this token" (Causal-JEPA, Algorithm 2).

    Raises:
        ValueError: a label is above ``objects``, or the clip does not divide into tokens.
    """
    return extent_of(labels, objects, patch=patch, tubelet=tubelet).coverage


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
def _token_of_pixel(height: int, width: int, patch: int) -> Int[ndarray, "h w"]:
    """The token, counted row by row, that each pixel of a frame belongs to."""
    row, column = np.ogrid[:height, :width]
    return (row // patch * (width // patch) + column // patch).astype(np.intp)
