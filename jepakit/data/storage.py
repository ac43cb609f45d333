"""Where shards lie: a local folder, or a remote one that is copied shard by shard to a local cache.

Only plain paths and the schemes of ``REMOTE`` are opened. Addresses that run commands (``pipe:``),
chained addresses (``::``) and rewriting through environment variables do not exist here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import fsspec

from jepakit.data.atomic import atomic_file

REMOTE = ("s3", "gs", "gcs", "az", "abfs", "https", "memory")
MAX_SMALL = 1 << 28
_CHUNK = 1 << 20


def open_storage(
    address: str, *, cache: str | None = None, cache_gb: float = 100.0
) -> LocalFolder | RemoteFolder:
    """Storage for a local folder or a remote prefix.

    Args:
        address: path or ``scheme://...``.
        cache: folder for remote shards; by default one below the system's temporary folder.
        cache_gb: size at which the oldest cached shards are deleted.

    Raises:
        ValueError: the scheme is not one that is read.
    """
    scheme, separator, _ = address.partition("://")
    if not separator and not address.startswith("pipe:"):
        return LocalFolder(Path(address))
    if scheme not in REMOTE or "::" in address:
        raise ValueError(f"Cannot read {address!r}: give a path or one of {', '.join(REMOTE)}.")
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    own = f"jepakit-shards-{os.getuid()}"  # what one user creates, others cannot write to
    root = Path(cache) if cache else Path(tempfile.gettempdir()) / own
    return RemoteFolder(address.rstrip("/"), root / name, int(cache_gb * 1e9))


class LocalFolder:
    """Files of a folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def small(self, name: str) -> bytes:
        """A manifest or an index, whole."""
        return (self.folder / name).read_bytes()

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return (self.folder / name).is_file()

    def local(self, name: str, size: int, sha256: str) -> Path:  # noqa: ARG002
        """The shard itself; damage is found sample by sample through crc32."""
        return self.folder / name


class RemoteFolder:
    """Files below a remote prefix, cached whole and checked before use."""

    def __init__(self, address: str, cache: Path, limit: int) -> None:
        self.address = address
        self.cache = cache
        self.limit = limit

    def small(self, name: str) -> bytes:
        """A manifest or an index, whole.

        Raises:
            ValueError: it is larger than any index can be.
        """
        with fsspec.open(f"{self.address}/{name}", "rb") as stream:
            data: bytes = stream.read(MAX_SMALL + 1)
        if len(data) > MAX_SMALL:
            raise ValueError(f"{self.address}/{name} is larger than {MAX_SMALL} bytes.")
        return data

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        system, path = fsspec.url_to_fs(f"{self.address}/{name}")
        return bool(system.exists(path))

    def local(self, name: str, size: int, sha256: str) -> Path:
        """Fetch the shard once per machine; processes wait for each other.

        The copy is named with its checksum: a data set may be made anew at its old address.

        Raises:
            ValueError: the fetched bytes are not the ones that the manifest describes.
        """
        path = self.cache / f"{Path(name).stem}.{sha256[:16]}.tar"
        if path.exists():
            return path
        self.cache.mkdir(parents=True, exist_ok=True)
        with (self.cache / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                self._make_room(size)
                with atomic_file(path) as stream:
                    self._fetch(name, stream, size, sha256)
        return path

    def _fetch(self, name: str, target: BinaryIO, size: int, sha256: str) -> None:
        digest, received = hashlib.sha256(), 0
        with fsspec.open(f"{self.address}/{name}", "rb") as source:
            while received <= size and (chunk := source.read(_CHUNK)):
                digest.update(chunk)
                target.write(chunk)
                received += len(chunk)
        if received != size or digest.hexdigest() != sha256:
            raise ValueError(
                f"{self.address}/{name} has not the {size} bytes and checksum of the manifest."
            )

    def _make_room(self, size: int) -> None:
        """Delete the shards fetched first; open readers keep theirs until they close it."""
        cached = sorted(self.cache.glob("*.tar"), key=lambda path: path.stat().st_mtime)
        used = sum(path.stat().st_size for path in cached)
        for path in cached:
            if used + size <= self.limit:
                return
            used -= path.stat().st_size
            path.unlink()
