"""Files that are either whole or absent, whenever the process is killed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write to a temporary name in the same folder, flush, fsync, rename, fsync the folder.

    The temporary name is ``.<name>.<pid>.tmp``; a killed process leaves it behind and
    :func:`remove_leftovers` clears it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_leftovers(folder: Path, prefix: str) -> None:
    """Delete temporary files of dead processes for files whose name starts with ``prefix``."""
    for path in folder.glob(f".{prefix}*.tmp"):
        path.unlink(missing_ok=True)
