"""Bytes of the members that are not pictures: strict both ways, sizes known before decoding."""

from __future__ import annotations

import io
import math
import re
import zlib

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from numpy.lib import format as npy

from jepakit.data.schema import CONTACTS

_FLOATS = (np.dtype("<f4"), np.dtype("<f8"))
# Number of axes of each array member, and the element types that it may have.
ARRAYS: dict[str, tuple[int, tuple[np.dtype, ...]]] = {
    "states": (3, _FLOATS),
    "contacts": (1, (CONTACTS,)),
    "actions": (2, _FLOATS),
}
_NPY_VERSION = b"\x93NUMPY\x01\x00"
_NPY_HEADER = re.compile(
    rb"\{'descr': (.+), 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n"
)


def encode_labels(labels: UInt8[ndarray, "t h w"]) -> bytes:
    """Label map, zlib-compressed row by row (0.8 ms per 16 frames to decode, a PNG strip 1.9)."""
    return zlib.compress(np.ascontiguousarray(labels).tobytes(), 6)


def decode_labels(data: bytes, shape: tuple[int, int, int]) -> UInt8[ndarray, "t h w"]:
    """Undo :func:`encode_labels`; never inflates more than ``shape`` holds.

    Raises:
        ValueError: damaged, or more or fewer bytes than ``shape``.
    """
    expected = math.prod(shape)
    stream = zlib.decompressobj()
    try:
        flat = stream.decompress(data, expected + 1)
    except zlib.error as error:
        raise ValueError(f"Damaged label map: {error}") from error
    if len(flat) != expected or not stream.eof or stream.unused_data:
        raise ValueError(
            f"Label map of {expected} bytes {shape} expected, came {len(flat)} or more."
        )
    return np.frombuffer(flat, dtype=np.uint8).reshape(shape)


def decode_coverage(
    data: bytes, objects: int, grid: tuple[int, int, int]
) -> UInt8[ndarray, "k tt hh ww"]:
    """Coverage is stored raw.

    Raises:
        ValueError: more or fewer bytes than the object table and the grid say.
    """
    if len(data) != objects * math.prod(grid):
        raise ValueError(
            f"Coverage of {objects} objects on a {grid} grid has {objects * math.prod(grid)} "
            f"bytes, came {len(data)}."
        )
    return np.frombuffer(data, dtype=np.uint8).reshape(objects, *grid)


def encode_array(name: str, array: Shaped[ndarray, ...]) -> bytes:
    """A little-endian npy without pickle.

    Raises:
        ValueError: not the axes or the element type that the member ``name`` has.
    """
    axes, dtypes = ARRAYS[name]
    if array.ndim != axes or array.dtype not in dtypes:
        raise ValueError(f"{_rule(name)}, came {array.ndim} axes of {array.dtype}.")
    stream = io.BytesIO()
    npy.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def decode_array(name: str, data: bytes) -> Shaped[ndarray, ...]:
    """Undo :func:`encode_array`; the header is matched as text, never evaluated.

    Raises:
        ValueError: damaged, a pickle, or not what the member ``name`` has.
    """
    length = int.from_bytes(data[8:10], "little")
    header = _NPY_HEADER.fullmatch(data[10 : 10 + length])
    if data[:8] != _NPY_VERSION or header is None:
        raise ValueError(f"'{name}' is not a plain npy array of version 1.0.")
    axes, dtypes = ARRAYS[name]
    shape = tuple(int(side) for side in header[2].replace(b" ", b"").split(b",") if side)
    dtype = next((d for d in dtypes if repr(npy.dtype_to_descr(d)).encode() == header[1]), None)
    if dtype is None or len(shape) != axes:
        raise ValueError(f"{_rule(name)}, came {len(shape)} axes of {header[1].decode('latin1')}.")
    size = math.prod(shape) * dtype.itemsize
    elements = data[10 + length :]
    if size != len(elements):
        raise ValueError(f"'{name}' of shape {shape} has {size} bytes, came {len(elements)}.")
    return np.frombuffer(elements, dtype=dtype).reshape(shape)


def _rule(name: str) -> str:
    axes, dtypes = ARRAYS[name]
    return f"'{name}' must have {axes} axes and elements of one of {[str(d) for d in dtypes]}"
