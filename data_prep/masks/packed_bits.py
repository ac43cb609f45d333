"""Masks as packed bits: areas and intersections are counts of set bits."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int, UInt64
from numpy import ndarray


def pack(masks: Bool[ndarray, "n h w"]) -> UInt64[ndarray, "n words"]:
    """One bit per pixel, row by row, filled up with zeros to whole words."""
    number, height, width = masks.shape
    flat = np.packbits(masks.reshape(number, height * width), axis=1)
    missing = -flat.shape[1] % 8
    return np.ascontiguousarray(np.pad(flat, ((0, 0), (0, missing)))).view(np.uint64)


def areas_of(bits: UInt64[ndarray, "n words"]) -> Int[ndarray, " n"]:
    """Pixels of each mask."""
    return np.bitwise_count(bits).sum(axis=1, dtype=np.int64)


def intersections(
    bits: UInt64[ndarray, "n words"], others: UInt64[ndarray, "m words"]
) -> Int[ndarray, "n m"]:
    """Pixels that each mask shares with each of the others.

    Only the words between a mask's first and last pixel are looked at.
    """
    shared = np.zeros((len(bits), len(others)), dtype=np.int64)
    used = bits != 0
    first, behind = used.argmax(axis=1), bits.shape[1] - used[:, ::-1].argmax(axis=1)
    for row in np.flatnonzero(used.any(axis=1)):
        words = slice(first[row], behind[row])
        both = np.bitwise_count(others[:, words] & bits[row, words])
        both.sum(axis=1, dtype=np.int64, out=shared[row])
    return shared


def overlap(
    shared: Int[ndarray, "n m"], areas: Int[ndarray, " n"], others: Int[ndarray, " m"]
) -> ndarray:
    """Intersection over union from shared pixels and areas; 0 for two empty masks."""
    union = areas[:, None] + others[None, :] - shared
    return shared / np.maximum(union, 1)
