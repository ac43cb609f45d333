"""A picture with its objects painted over: colours, outlines, ids, hatching. Arrays in and out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray
from PIL import Image
from scipy.ndimage import binary_erosion, distance_transform_edt, find_objects

from jepakit.evals.figures.style import PALETTE

LINE = 2  # pixels of an outline
DASH = 5  # pixels of a dash, and of the gap behind it
HATCH = 9  # pixels from one line of a hatching to the next
GREY = 0.8  # how far pictures go towards grey, so that colours of objects stand out


def colour_of(identity: int) -> tuple[int, int, int]:
    """Of an object, the same in all frames; beyond the palette the colours return, darker."""
    turn, place = divmod(identity - 1, len(PALETTE))
    value = PALETTE[place].lstrip("#")
    red, green, blue = (int(int(value[i : i + 2], 16) * 0.7 ** (turn % 3)) for i in (0, 2, 4))
    return red, green, blue


def fit(
    frame: UInt8[ndarray, "h w 3"], labels: UInt8[ndarray, "h w"], width: int, height: int
) -> tuple[UInt8[ndarray, "h2 w2 3"], UInt8[ndarray, "h2 w2"]]:
    """Both in another size; enlarged pixels stay square, ids are never mixed."""
    larger = width >= 2 * frame.shape[1]
    way = Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS
    picture = Image.fromarray(frame).resize((width, height), way)
    ids = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(picture), np.asarray(ids)


def paint(
    frame: UInt8[ndarray, "h w 3"], labels: UInt8[ndarray, "h w"], eligible: Collection[int]
) -> UInt8[ndarray, "h w 3"]:
    """Paint the objects of a frame: eligible ones full and hatched, others thinly with dashes."""
    grey = frame.mean(axis=-1, keepdims=True)
    out = (1 - GREY) * frame + GREY * grey
    row, column = np.indices(labels.shape)
    hatch = np.asarray((row + column) % HATCH < 2)
    dash = np.asarray((row // DASH + column // DASH) % 2 == 0)
    for identity, box in boxes(labels):
        inside, part = labels[box] == identity, out[box]
        colour = np.array(colour_of(identity), dtype=float)
        edge = outline(inside)
        if identity in eligible:
            part[inside] = _blend(part[inside], colour, 0.45)
            lines = inside & hatch[box]
            part[lines] = _blend(part[lines], colour, 0.6)
            part[edge] = 0.8 * colour
        else:
            part[inside] = _blend(part[inside], colour, 0.2)
            part[edge & dash[box]] = colour
    return out.round().astype(np.uint8)


def boxes(labels: UInt8[ndarray, "h w"]) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Id and bounding box of each object of a frame."""
    for identity, box in enumerate(find_objects(labels), 1):
        if box is not None:
            yield identity, box


def outline(inside: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """The outermost pixels of a mask; it ends where the array ends."""
    return inside & ~binary_erosion(inside, iterations=LINE, border_value=0)


def places(labels: UInt8[ndarray, "h w"]) -> dict[int, tuple[int, int, float]]:
    """Where ids can be written: column, row and free radius of the deepest point of each object."""
    found = {}
    for identity, (rows, columns) in boxes(labels):
        depth = distance_transform_edt(np.pad(labels[rows, columns] == identity, 1))[1:-1, 1:-1]
        row, column = divmod(int(depth.argmax()), depth.shape[1])
        found[identity] = (columns.start + column, rows.start + row, float(depth.max()))
    return found


def _blend(below: ndarray, colour: ndarray, strength: float) -> ndarray:
    return (1 - strength) * below + strength * colour
