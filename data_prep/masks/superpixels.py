"""Regions of similar colour: SLIC superpixels, or exact patches of flat pictures, then merging."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8
from numpy import ndarray
from skimage.segmentation import slic

from data_prep.masks.opponent import colour_distance, opponent
from data_prep.masks.pixel_groups import pixel_groups

SAME_PAINT = 6.0
"""Largest step of red, green and blue within a patch of flat colour."""

LEAST_PATCH = 8  # pixels
FLAT_SHARE = 0.9
"""Share of the pixels in such patches from which on a picture is one of flat colours."""

MOST_PATCHES = 400  # merging takes time with their square
COMPACTNESS = 10.0
ITERATIONS = 5


def colour_regions(
    frame: UInt8[ndarray, "h w 3"],
    things: Bool[ndarray, "h w"],
    *,
    superpixels: int,
    difference: float,
    part: float,
) -> Integer[ndarray, "h w"]:
    """Number the pixels of each region alike.

    The pair of touching regions with the most similar mean colours is merged until all differ, then
    those too small to be more than a part of what they touch.

    Args:
        frame: a picture.
        things: its pixels that are no backdrop; the others have numbers without a meaning.
        superpixels: about how many SLIC (Achanta et al. 2012) divides the picture into. Where
            colours are flat, patches of equal colour are taken instead, exact to the pixel.
        difference: distance in opponent colours from which on two regions stay apart.
        part: least share that a region has of what it is connected with.
    """
    if not things.any():
        return np.zeros(things.shape, dtype=np.int64)
    start = _start(frame, things, superpixels)
    _, inside = np.unique(start[things], return_inverse=True)
    count = int(inside.max()) + 1
    numbers = np.full(things.shape, -1, dtype=np.int64)
    numbers[things] = inside
    size = np.bincount(inside, minlength=count).astype(np.float64)
    total = [np.bincount(inside, weights=c, minlength=count) for c in opponent(frame)[:, things]]
    whole = pixel_groups(_both(things, 1), _both(things, 0))[things]
    least = np.zeros(count)
    least[inside] = part * np.bincount(whole)[whole]
    ends = _merged(size, np.stack(total), _borders(numbers, count), difference, least)
    numbers[things] = ends[inside]
    return numbers


def _start(
    frame: UInt8[ndarray, "h w 3"], things: Bool[ndarray, "h w"], superpixels: int
) -> Integer[ndarray, "h w"]:
    """Patches of flat colour where nearly all pixels are in some, else superpixels."""
    paint = frame.astype(np.int16)
    right = (np.abs(np.diff(paint, axis=1)).max(axis=2) <= SAME_PAINT) & _both(things, 1)
    down = (np.abs(np.diff(paint, axis=0)).max(axis=2) <= SAME_PAINT) & _both(things, 0)
    patches = pixel_groups(right, down)
    size = np.bincount(patches.ravel())[patches[things]]
    patch_count = len(np.unique(patches[things]))
    if (size >= LEAST_PATCH).mean() >= FLAT_SHARE and patch_count <= MOST_PATCHES:
        return patches
    segments = slic(
        frame,
        n_segments=superpixels,
        compactness=COMPACTNESS,
        max_num_iter=ITERATIONS,
        start_label=0,
    )
    # A superpixel may be cut in two by the backdrop.
    same_right, same_down = np.diff(segments, axis=1) == 0, np.diff(segments, axis=0) == 0
    return pixel_groups(same_right & _both(things, 1), same_down & _both(things, 0))


def _both(things: Bool[ndarray, "h w"], axis: int) -> Bool[ndarray, "r c"]:
    rows = np.moveaxis(things, axis, 0)
    return np.moveaxis(rows[1:] & rows[:-1], 0, axis)


def _borders(numbers: Integer[ndarray, "h w"], count: int) -> Float[ndarray, "n n"]:
    """Length in pixels of the border between any two regions."""
    first = np.concatenate([numbers[:, :-1].ravel(), numbers[:-1].ravel()])
    second = np.concatenate([numbers[:, 1:].ravel(), numbers[1:].ravel()])
    border = (first != second) & (first >= 0) & (second >= 0)
    pairs = np.bincount(first[border] * count + second[border], minlength=count * count)
    lengths = pairs.reshape(count, count).astype(np.float64)
    return lengths + lengths.T


def _merged(
    size: Float[ndarray, " n"],
    total: Float[ndarray, "3 n"],
    border: Float[ndarray, "n n"],
    difference: float,
    least: Float[ndarray, " n"],
) -> Integer[ndarray, " n"]:
    """The number of the region that each ends in."""
    mean = total / size
    apart = np.where(border > 0, colour_distance(mean[:, :, None], mean[:, None, :]), np.inf)
    ends = np.arange(len(size))

    def merge(one: int, other: int) -> None:
        size[one] += size[other]
        total[:, one] += total[:, other]
        border[one] += border[other]
        border[:, one] = border[one]
        border[other] = border[:, other] = border[one, one] = 0
        size[other] = 0
        apart[other] = apart[:, other] = np.inf
        mean[:, one] = total[:, one] / size[one]
        away = colour_distance(mean, mean[:, one, None])
        apart[one] = apart[:, one] = np.where(border[one] > 0, away, np.inf)
        ends[ends == other] = one

    while len(size) and apart.min() < difference:
        merge(*divmod(int(apart.argmin()), len(size)))
    while True:
        small = np.flatnonzero((size > 0) & (size < least) & (border > 0).any(axis=1))
        if not len(small):
            return ends
        smallest = int(small[size[small].argmin()])
        merge(int(apart[smallest].argmin()), smallest)
