"""A clip as one tall picture: its frames stacked, as JPEG or as lossless PNG.

One strip decodes as fast as one big picture and is a single member of the tar. JPEG strips are
4:2:2 or 4:4:4 with a frame height that is a multiple of 8: then the strip equals the frames encoded
one by one, bit for bit. Sizes are read from the header before anything is decoded.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from jepakit.data.schema import ClipFormat

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    zlib.error,
    struct.error,
    Image.DecompressionBombError,
)


def encode_strip(frames: UInt8[ndarray, "t h w 3"], form: ClipFormat) -> bytes:
    """The clip as bytes of one picture in the format of the data set."""
    strip = np.ascontiguousarray(frames).reshape(-1, frames.shape[2], 3)
    if form.image == "png":
        stream = io.BytesIO()
        Image.fromarray(strip).save(stream, "PNG", compress_level=6)
        return stream.getvalue()
    encoded: bytes = simplejpeg.encode_jpeg(
        strip, quality=form.quality, colorsubsampling=form.subsampling
    )
    return encoded


def decode_strip(
    data: bytes, form: ClipFormat, out: UInt8[ndarray, "t h w 3"] | None = None
) -> UInt8[ndarray, "t h w 3"]:
    """Decode into ``out`` (contiguous) or a new array.

    Raises:
        ValueError: the picture is damaged, or its size or colours are not those of the data set.
    """
    if out is None:
        out = np.empty((*form.shape, 3), dtype=np.uint8)
    rows = form.frames * form.height
    if form.image == "png":
        _check_size(_png_size(data), rows, form.width)
        out[...] = _decode_png(data).reshape(out.shape)
        return out
    height, width, _, subsampling = simplejpeg.decode_jpeg_header(data)
    _check_size((height, width), rows, form.width)
    if subsampling not in ("422", "444"):
        raise ValueError(
            f"JPEG strip with {subsampling} colours; only 422 and 444 keep frames apart."
        )
    simplejpeg.decode_jpeg(data, buffer=out)
    return out


def _check_size(size: tuple[int, int], rows: int, columns: int) -> None:
    if size != (rows, columns):
        raise ValueError(f"Strip of {rows}x{columns} pixels expected, came {size[0]}x{size[1]}.")


def _png_size(data: bytes) -> tuple[int, int]:
    """Rows and columns from the header of an 8-bit RGB picture without interlacing."""
    if data[:8] != _PNG_SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
        raise ValueError("Not a PNG picture.")
    width, height, depth, colours, _, _, interlace = struct.unpack(">IIBBBBB", data[16:29])
    if (depth, colours, interlace) != (8, 2, 0):
        raise ValueError(f"PNG strip must be plain 8-bit RGB, came depth {depth} kind {colours}.")
    return height, width


def _decode_png(data: bytes) -> UInt8[ndarray, "r w 3"]:
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            return np.asarray(picture)
    except _PNG_ERRORS as error:
        raise ValueError(f"Damaged PNG strip: {error}") from error
