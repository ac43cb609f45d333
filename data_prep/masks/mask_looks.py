"""Where masks of a frame are and which colours they hold, counted on packed bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int, UInt8, UInt64
from numpy import ndarray

from data_prep.masks.packed_bits import areas_of, intersections, pack
from data_prep.masks.segmenter import Proposals

LEVELS = 8
DITHER = (np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) * 2).astype("u1")
"""Ordered (Bayer) offsets of the thresholds by pixel, 0 to 30 of a step of 32: few levels then
measure a flat colour as finely as many."""


@dataclass(frozen=True)
class Looks:
    """The masks of one frame, in an order that does not depend on the one they came in.

    Attributes:
        rows: which proposal each is.
        bits: see :func:`data_prep.masks.packed_bits.pack`.
        areas: in pixels.
        centres: mean row and column of the pixels.
        colours: share of a mask's pixels above each of 7 levels, for red, green and blue. The mean
            difference of two such rows is the earth mover's distance of their colours, channel by
            channel, as a share of the range.
    """

    rows: Int[ndarray, " n"]
    bits: UInt64[ndarray, "n words"]
    areas: Int[ndarray, " n"]
    centres: Float[ndarray, "n 2"]
    colours: Float[ndarray, "n c"]


def look(frame: UInt8[ndarray, "h w 3"], proposals: Proposals) -> Looks:
    """Look at the proposals of a frame, the largest first; empty ones are passed over."""
    bits = pack(proposals.masks)
    areas = areas_of(bits)
    order = sorted(
        np.flatnonzero(areas).tolist(),
        key=lambda row: (-areas[row], -proposals.scores[row], bits[row].tobytes()),
    )
    bits, areas = bits[order], areas[order]
    height, width = frame.shape[:2]
    places, weights = _place_planes(height, width)
    counts = intersections(bits, np.concatenate((_colour_planes(frame), places)))
    shares = counts / areas[:, None]
    split = shares.shape[1] - len(places)
    return Looks(
        np.array(order, dtype=int), bits, areas, shares[:, split:] @ weights, shares[:, :split]
    )


def _colour_planes(frame: UInt8[ndarray, "h w 3"]) -> UInt64[ndarray, "planes words"]:
    """Which pixels exceed each level of each channel."""
    channels = np.ascontiguousarray(frame.transpose(2, 0, 1))
    return pack((channels[:, None] > _thresholds(*frame.shape[:2])).reshape(-1, *frame.shape[:2]))


@lru_cache(maxsize=4)
def _thresholds(height: int, width: int) -> UInt8[ndarray, "levels h w"]:
    tiles = np.tile(DITHER, (-(-height // 4), -(-width // 4)))[:height, :width]
    step = 256 // LEVELS
    return np.stack([tiles + np.uint8(step * level - step // 2) for level in range(1, LEVELS)])


@lru_cache(maxsize=4)
def _place_planes(
    height: int, width: int
) -> tuple[UInt64[ndarray, "planes words"], Float[ndarray, "planes 2"]]:
    """Binary digits of every pixel's row and column, and what each digit adds to them."""
    rows, columns = np.indices((height, width))
    planes, weights = [], []
    for axis, numbers in enumerate((rows, columns)):
        for digit in range(int(numbers.max(initial=0)).bit_length()):
            planes.append(numbers >> digit & 1 == 1)
            weights.append([float(2**digit) if axis == side else 0.0 for side in range(2)])
    stacked = np.array(planes, dtype=bool).reshape(-1, height, width)
    return pack(stacked), np.array(weights).reshape(-1, 2)
