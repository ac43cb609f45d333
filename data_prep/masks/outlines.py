"""Things drawn with an outline, told apart where outlines lie between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8
from numpy import ndarray
from scipy import ndimage

from data_prep.masks.pixel_groups import joined, pixel_groups

SHADE = 0.78
"""A pixel below this share of a brightness nearby is darker: outlines are drawn in 0.6."""

REACH = 3  # pixels from an outline to the inside that it is compared with

SAME_KIND = 0.03
"""Largest difference of red, green and blue, each over the greatest of them, in one paint."""

BLURRED = 3.0
"""The same in medians over all neighbours: next to nothing unless a picture was compressed."""

DARKEST = 0.45
"""A shade of the same paint is at least this bright against its neighbour."""

CLOSED = 0.8
"""Share of a border that must be outline to divide; a pattern's edges are bright on both sides."""


class _Edges(NamedTuple):
    """Pairs of neighbouring pixels on two things: numbers of their patches, and whether an outline
    is drawn there.
    """

    first: Integer[ndarray, " e"]
    second: Integer[ndarray, " e"]
    outline: Bool[ndarray, " e"]


def outlined_share(frame: UInt8[ndarray, "h w 3"], things: Bool[ndarray, "h w"]) -> tuple[int, int]:
    """At how many pixels of the rim of things a dark line lies before brighter ones; of how many.

    A photograph has next to none, a drawing with outlines most.
    """
    dark = total = 0
    value = frame.max(axis=2).astype(np.float32)
    for turn in range(4):
        v, inside = np.rot90(value, turn), np.rot90(things, turn)
        if len(v) < REACH + 2:
            continue
        rim = ~inside[: -REACH - 1] & inside[1:-REACH]
        least, still_inside, outlined = v[1:-REACH], rim, np.zeros_like(rim)
        for step in range(2, REACH + 2):
            rows = slice(step, len(v) - REACH - 1 + step)
            still_inside = still_inside & inside[rows]
            outlined |= still_inside & (least < SHADE * v[rows])
            # Compression mixes the outermost pixel with a light backdrop.
            least = np.minimum(least, v[rows])
        dark += int(np.count_nonzero(outlined))
        total += int(np.count_nonzero(rim))
    return dark, total


def outlined_things(
    frame: UInt8[ndarray, "h w 3"], things: Bool[ndarray, "h w"]
) -> Integer[ndarray, "h w"]:
    """Number the pixels of each drawn thing alike.

    Pixels next to each other of one paint, in any shade, are a patch, of which an outline is the
    dark rim. Two patches that touch are parts of one thing, the colours of its pattern, unless
    nearly all of their border is outline: darker than one of the two patches is at its brightest,
    or a dark line that is bright on both sides.

    Args:
        frame: a picture.
        things: its pixels that are no backdrop; the others have numbers without a meaning.
    """
    value = frame.max(axis=2).astype(np.float32)
    patches = _patches(frame.astype(np.float32), value, things)
    count = int(patches.max(initial=0)) + 1
    brightest = ndimage.maximum(value, patches, np.arange(count)).astype(np.float32)
    dark = value < SHADE * brightest[patches]
    across, along = (_edges(value, patches, dark, things, axis) for axis in (0, 1))
    edges = _Edges(*map(np.concatenate, zip(across, along, strict=True)))
    low, high = np.minimum(*edges[:2]).astype(np.int64), np.maximum(*edges[:2])
    pairs, place = np.unique(low * count + high, return_inverse=True)
    outline = np.bincount(place, weights=edges.outline) / np.bincount(place)
    one = pairs[outline < CLOSED]
    return joined(one // count, one % count, count)[patches]


def _patches(
    frame: Float[ndarray, "h w 3"], value: Float[ndarray, "h w"], things: Bool[ndarray, "h w"]
) -> Integer[ndarray, "h w"]:
    """Connected pixels of one paint."""
    kind = frame.transpose(2, 0, 1) / np.maximum(value, 1)
    right = _alike(kind.swapaxes(1, 2), value.T, things.T).T
    return pixel_groups(right, _alike(kind, value, things))


def _alike(
    kind: Float[ndarray, "3 h w"], value: Float[ndarray, "h w"], things: Bool[ndarray, "h w"]
) -> Bool[ndarray, "r w"]:
    """Whether a pixel and the one below are shades of one paint."""
    both = things[:-1] & things[1:]
    step = np.abs(kind[:, :-1] - kind[:, 1:]).max(axis=0)
    usual = float(np.median(step[both])) if both.any() else 0.0
    darker, brighter = np.minimum(value[:-1], value[1:]), np.maximum(value[:-1], value[1:])
    # Rounding to bytes moves the ratios of dark colours most.
    same = step < max(SAME_KIND, BLURRED * usual) + 1.5 / np.maximum(darker, 1)
    return same & (darker > DARKEST * brighter) & both


def _edges(
    value: Float[ndarray, "h w"],
    patches: Integer[ndarray, "h w"],
    dark: Bool[ndarray, "h w"],
    things: Bool[ndarray, "h w"],
    axis: int,
) -> _Edges:
    """Borders of patches between a pixel and the next along an axis."""
    v, p, d, inside = (np.moveaxis(a, axis, 0) for a in (value, patches, dark, things))
    v = np.where(inside, v, 0)
    border = (p[:-1] != p[1:]) & inside[:-1] & inside[1:]
    line = (v[:-1] < SHADE * _brightest_before(v)[:-1]) & (
        v[1:] < SHADE * _brightest_before(v[::-1])[::-1][1:]
    )
    outline = d[:-1] | d[1:] | line
    return _Edges(p[:-1][border], p[1:][border], outline[border])


def _brightest_before(value: Float[ndarray, "h w"]) -> Float[ndarray, "h w"]:
    """The greatest of a value and the ``REACH`` before it along the first axis."""
    best = value.copy()
    for step in range(1, min(REACH, len(value) - 1) + 1):
        np.maximum(best[step:], value[:-step], out=best[step:])
    return best
