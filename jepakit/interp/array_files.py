"""Arrays on disk whose space is taken when they are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jepakit.data.atomic import atomic_file, remove_leftovers

_CHUNK = 1 << 22


def create_zeros(path: Path, shape: tuple[int, ...], dtype: str) -> None:
    """Write an ``.npy`` file of zeros, whole or not at all.

    The zeros are written out: a file with holes would be mapped just as well, but a disk that is
    full when a hole is filled through the map kills the process (SIGBUS) without an error.

    Raises:
        OSError: the disk is full; nothing is left.
    """
    remove_leftovers(path.parent, path.name)
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
        "fortran_order": False,
        "shape": shape,
    }
    left = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    with atomic_file(path) as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        while left > 0:
            left -= stream.write(bytes(min(left, _CHUNK)))
