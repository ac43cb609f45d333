"""Where shards are written: a local folder, or a remote prefix to which files are put whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import fsspec

from jepakit.data.atomic import atomic_file, remove_leftovers
from jepakit.data.storage import REMOTE

WRITABLE = tuple(scheme for scheme in REMOTE if scheme != "https")


class ShardTarget(ABC):
    """What the writer of shards needs of a place; targets travel to worker processes."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """A small file, whole, or None where there is none."""

    @abstractmethod
    def names(self) -> set[str]:
        """The files that are there."""

    @abstractmethod
    def intact(self, name: str, size: int, sha256: str | None) -> bool:
        """Whether a file of this size is there, and with this checksum if one is given."""

    @abstractmethod
    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A stream; its file appears, whole, when the context ends without an error."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Delete a file that may be there."""

    @abstractmethod
    def clear(self, prefix: str, *, older_s: float = 0.0) -> None:
        """Delete what writers that were killed left of files whose name starts with ``prefix``."""


@dataclass(frozen=True)
class LocalTarget(ShardTarget):
    """A folder of this machine, or of a file system that several machines share."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def read(self, name: str) -> bytes | None:
        """A small file, whole, or None where there is none."""
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def names(self) -> set[str]:
        """The files that are there."""
        return {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()

    def intact(self, name: str, size: int, sha256: str | None) -> bool:
        """Whether a file of this size is there, and with this checksum if one is given."""
        path = self.folder / name
        if not path.is_file() or path.stat().st_size != size:
            return False
        if sha256 is None:
            return True
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Written aside, flushed to the disk, then renamed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return atomic_file(self.folder / name)

    def remove(self, name: str) -> None:
        """Delete a file that may be there."""
        (self.folder / name).unlink(missing_ok=True)

    def clear(self, prefix: str, *, older_s: float = 0.0) -> None:
        """Delete what writers that were killed left of files whose name starts with ``prefix``."""
        remove_leftovers(self.folder, prefix, older_s=older_s)


@dataclass(frozen=True)
class RemoteTarget(ShardTarget):
    """Files below a remote prefix.

    A file is written to this machine first and put as one object, which object stores show when it
    is whole; what an interrupted upload left in the store is never visible, and is removed by the
    store's own rule for incomplete uploads.
    """

    address: str

    def __str__(self) -> str:
        return self.address

    def read(self, name: str) -> bytes | None:
        """A small file, whole, or None where there is none."""
        system, path = self._at(name)
        try:
            return cast(bytes, system.cat_file(path))
        except FileNotFoundError:
            return None

    def names(self) -> set[str]:
        """The files that are there."""
        system, path = self._at("")
        try:
            return {Path(found).name for found in system.ls(path.rstrip("/"), detail=False)}
        except FileNotFoundError:
            return set()

    def intact(self, name: str, size: int, sha256: str | None) -> bool:  # noqa: ARG002
        """Whether a file of this size is there; its bytes are checked by those who fetch it."""
        system, path = self._at(name)
        try:
            return int(system.info(path)["size"]) == size
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Written to this machine's temporary folder, then put."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=self._scratch, prefix=f".{name}.", suffix=".tmp"
        ) as stream:
            yield cast(BinaryIO, stream)
            stream.flush()
            system, path = self._at(name)
            system.put_file(stream.name, path)

    def remove(self, name: str) -> None:
        """Delete a file that may be there."""
        system, path = self._at(name)
        with contextlib.suppress(FileNotFoundError):
            system.rm_file(path)

    def clear(self, prefix: str, *, older_s: float = 0.0) -> None:
        """Delete what killed writers of this machine left in its temporary folder."""
        remove_leftovers(self._scratch, prefix, older_s=older_s)

    def _at(self, name: str) -> tuple[fsspec.AbstractFileSystem, str]:
        system, path = fsspec.url_to_fs(f"{self.address}/{name}")
        system.invalidate_cache()  # other processes write here too
        return system, path

    @property
    def _scratch(self) -> Path:
        digest = hashlib.sha256(self.address.encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"jepakit-writing-{os.getuid()}" / digest


def open_target(place: str | Path | ShardTarget) -> ShardTarget:
    """The target of a path or a ``scheme://...`` prefix; a target itself stays as it is.

    Raises:
        ValueError: the scheme is not one that can be written.
    """
    if isinstance(place, Path):
        return LocalTarget(place)
    if not isinstance(place, str):
        return place
    scheme, separator, _ = place.partition("://")
    if not separator and not place.startswith("pipe:"):
        return LocalTarget(Path(place))
    if scheme not in WRITABLE or "::" in place:
        raise ValueError(f"Cannot write {place!r}: give a path or one of {', '.join(WRITABLE)}.")
    return RemoteTarget(place.rstrip("/"))
