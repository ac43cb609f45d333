"""Which pixels of a picture belong to its backdrop: large smooth surfaces, lit unevenly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy import ndimage

from data_prep.masks.opponent import colour_distance, noise_limit
from data_prep.masks.pixel_groups import pixel_groups

FLAT = 5.0
"""Largest step between neighbouring pixels of one surface, noise averaged out (3 x 3)."""

SURFACES = 4
LEAST_SURFACE = 0.08  # of the picture
LEAST_BORDER = 0.1  # of the picture's border

REACH = (8, 8, 16)
"""The picture's height over the radius to which a surface is extended, coarse to fine."""

CELL = 4  # pixels; surfaces are smooth, so that they are blurred in a smaller picture


class _Surface(NamedTuple):
    """Colour of a surface, extended to where others hide it, and where that means anything."""

    colour: Float[ndarray, "3 h w"]
    known: Bool[ndarray, "h w"]


def backdrop(
    colours: Float[ndarray, "3 h w"], *, tolerance: float = 10.0, deviations: float = 4.0
) -> Bool[ndarray, "h w"]:
    """Find the pixels that look like the large surfaces around them.

    A surface is a set of connected pixels without a step between neighbours that is the largest of
    the picture, or lies along its border. Its colour is blurred over what lies before it, so that a
    gradient, clouds and soft shadows belong to it, and patches of it that are cut off do too; from
    farther away first, so that a thing with a soft edge is not taken for a cloud. A picture without
    any surface (texture all over) has no backdrop.

    Args:
        colours: opponent colours.
        tolerance: distance from a surface up to which a pixel belongs to it.
        deviations: the same in standard deviations of its noise; the larger one counts.
    """
    found = np.zeros(colours.shape[1:], dtype=bool)
    smooth = ndimage.uniform_filter(colours, (0, 3, 3))
    grain = colour_distance(colours, smooth)
    for seed in _flat_parts(smooth):
        part, limit = seed, noise_limit(grain, seed, tolerance, deviations)
        for share in REACH:
            surface = _extended(colours, part, max(3.0, len(found) / share))
            part = (colour_distance(colours, surface.colour) < limit) & surface.known
        found |= part
    return found


def _flat_parts(smooth: Float[ndarray, "3 h w"]) -> list[Bool[ndarray, "h w"]]:
    """Where the surfaces show, the largest first."""
    right = np.abs(np.diff(smooth, axis=2)).max(axis=0) < FLAT
    down = np.abs(np.diff(smooth, axis=1)).max(axis=0) < FLAT
    groups = pixel_groups(right, down)
    sizes = np.bincount(groups.ravel())
    border = np.concatenate([groups[0], groups[-1], groups[:, 0], groups[:, -1]])
    contact = np.bincount(border, minlength=len(sizes))
    order = np.argsort(-sizes, kind="stable")[:SURFACES]
    chosen = [
        number
        for place, number in enumerate(order)
        if sizes[number] >= LEAST_SURFACE * groups.size
        and (place == 0 or contact[number] >= LEAST_BORDER * len(border))
    ]
    return [groups == number for number in chosen]


def _extended(
    colours: Float[ndarray, "3 h w"], part: Bool[ndarray, "h w"], radius: float
) -> _Surface:
    """Mean colour of a part around every pixel, with Gaussian weights."""
    height, width = part.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    sums = np.zeros((4, rows * CELL, columns * CELL), dtype=np.float32)
    sums[0, :height, :width] = part
    sums[1:, :height, :width] = colours * part
    cells = sums.reshape(4, rows, CELL, columns, CELL).mean(axis=(2, 4))
    cells = ndimage.gaussian_filter(cells, (0, radius / CELL, radius / CELL))
    full = _enlarged(cells)[:, :height, :width]
    return _Surface(full[1:] / np.maximum(full[:1], 1e-6), full[0] > 1e-4)


def _enlarged(cells: Float[ndarray, "c rows columns"]) -> Float[ndarray, "c h w"]:
    """Linear between the middles of cells."""
    for axis in (1, 2):
        count = cells.shape[axis]
        place = (np.arange(count * CELL, dtype=np.float32) + 0.5) / CELL - 0.5
        low = np.clip(np.floor(place).astype(np.int64), 0, count - 1)
        high = np.minimum(low + 1, count - 1)
        share = np.clip(place - low, 0, 1).astype(np.float32)
        share = share[:, None] if axis == 1 else share
        cells = cells.take(low, axis) * (1 - share) + cells.take(high, axis) * share
    return cells
