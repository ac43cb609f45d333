"""Files that are either whole or absent, whenever the process is killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write to a temporary name in the same folder, flush, fsync, rename, fsync the folder.

    The temporary name is ``.<name>.<random>.tmp``, as other machines may write to the same folder;
    a killed process leaves it behind and :func:`remove_leftovers` clears it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
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


def remove_leftovers(folder: Path, prefix: str, *, older_s: float = 0.0) -> None:
    """Delete temporary files of dead processes for the file or shard called ``prefix``.

    Args:
        folder: of the files.
        prefix: name of a file, or of a shard without ``.tar``.
        older_s: spare files changed in these last seconds, which a living process may write.
    """
    for path in folder.glob(f".{prefix}.*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if not older_s or time.time() - path.stat().st_mtime > older_s:
                path.unlink()
