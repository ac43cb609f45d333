"""Pictures of ready masks: size before anything is decoded, colours, or ids as they are stored.

Pixels are taken in stored order: an EXIF orientation would turn a photograph away from its mask.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from data_prep.footage import IdMap, Picture
from data_prep.pictures import LONGEST_SIDE
from jepakit.data.schema import MAX_OBJECTS

SHORTEST_SIDE = 8  # pixels; what is smaller shows nothing
VOID = 255  # of palettes: pixels that nobody decided on
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def picture_size(path: Path) -> tuple[int, int]:
    """Rows and columns, from the header alone.

    Raises:
        ValueError: no picture, or one whose sides are too short or too long; names the file.
    """
    with _opened(path) as picture:
        return picture.height, picture.width


def read_rgb(path: Path) -> Picture:
    """Colours of a photograph; transparency is left out.

    Raises:
        ValueError: see :func:`picture_size`; damaged, or more than 8 bits per colour.
    """
    with _opened(path) as picture:
        if picture.mode[0] in "IF":
            raise ValueError(f"mode {picture.mode}; a picture of 8 bits per colour expected")
        return np.asarray(picture.convert("RGB"))


def read_ids(path: Path) -> IdMap:
    """Ids of a palette picture, which are its indices, or of a grey one, which are its values.

    In a palette picture 255 is :data:`VOID` and becomes background, as DAVIS has it; in a grey one
    it is an id, as in the masks of one object that DAVIS 2016 has.

    Raises:
        ValueError: see :func:`picture_size`; a picture of colours, or more ids than an object table
            holds.
    """
    with _opened(path) as picture:
        mode, ids = picture.mode, np.asarray(picture)
        if mode not in ("P", "L") and mode[0] != "I":
            raise ValueError(f"mode {mode}; ids are a palette (P) or grey picture, never colours")
        if mode == "P":
            ids = np.where(ids == VOID, np.uint8(0), ids)
        count = len(np.unique(ids[ids != 0]))
        if count > MAX_OBJECTS:
            raise ValueError(f"{count} different ids; an object table holds {MAX_OBJECTS}")
    return ids.astype(np.int32)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An open picture of a bearable size; whatever is wrong then names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(path, formats=_FORMATS)
        with picture:
            low, high = sorted(picture.size)
            if low < SHORTEST_SIDE or high > LONGEST_SIDE:
                raise ValueError(
                    f"{picture.width}x{picture.height} pixels; sides of {SHORTEST_SIDE} to "
                    f"{LONGEST_SIDE} expected"
                )
            yield picture
    except (*_BROKEN, *_BOMBS) as error:
        raise ValueError(f"{path}: {error}.") from error
