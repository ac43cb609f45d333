"""Video files and still images: a file, a folder of them, or a list; local or remote.

Layout: any files that end like videos or images, in any sub-folders; or a ``.csv`` or ``.txt`` list
with one path a line (see :func:`jepakit.data.video.listing.read_list`). Where every file lies in a
sub-folder, the first sub-folder names its class. Licence: the user's to state.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
from rich.console import Console

from data_prep.footage import Footage, Reader, Source
from jepakit.data.storage import REMOTE
from jepakit.data.video.catalogue import Catalogue, read_catalogue
from jepakit.data.video.decoder import is_image, is_known, open_video

_CHUNK = 1 << 20


@dataclass(frozen=True)
class MediaFile(Reader):
    """A video or a still image.

    Attributes:
        path: local, or with a scheme of ``jepakit.data.storage.REMOTE``.
        known_as: path below the folder of the source.
        label: number of its class, or None.
        class_name: of its class, or None.
        size: bytes, where they are known.
    """

    path: str
    known_as: str
    label: int | None = None
    class_name: str | None = None
    size: int | None = None

    @property
    def name(self) -> str:
        """Path below the folder."""
        return self.known_as

    @property
    def stamp(self) -> Any:
        """Class and size."""
        return self.label, self.class_name, self.size

    @contextmanager
    def open(self) -> Iterator[Footage]:
        """Open it; a remote file is fetched whole.

        Raises:
            ValueError, OSError: no such file, or not readable.
        """
        details: dict[str, Any] = {}
        if self.label is not None:
            details["class"] = self.label
        if self.class_name is not None:
            details["class_name"] = self.class_name
        with _local(self.path) as path, open_video(str(path)) as video:
            yield Footage(video.seconds, video.frames, details=details)


@contextmanager
def _local(address: str) -> Iterator[Path]:
    if "://" not in address:
        yield Path(address)
        return
    with tempfile.TemporaryDirectory() as folder:
        # Names in a store may be too long for a disk.
        path = Path(folder) / f"clip{Path(address).suffix}"
        _fetch(address, path)
        yield path


def _fetch(address: str, path: Path) -> None:
    """Copy a remote file.

    Raises:
        FileNotFoundError: it is gone.
        ValueError: its name chains addresses (``::``), so that another file would be opened.
        ConnectionAbortedError: of any other failure; stores and networks raise what they like, and
            none of it is the fault of the file.
    """
    if "::" in address:
        raise ValueError(f"{address} is a chain of addresses; rename the file.")
    try:
        with fsspec.open(address, "rb") as source, path.open("wb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
    except Exception as error:
        gone = isinstance(error, FileNotFoundError)
        if gone and isinstance(error.__cause__, FileNotFoundError | None):
            raise
        cause = f"{type(error).__name__}: {error}"
        raise ConnectionAbortedError(f"{address} cannot be fetched ({cause}).") from error


def _size(path: str) -> int | None:
    """Bytes of a local file; None where there is none, which shows when it is opened."""
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _find(path: Path, *, wanted: Callable[[str], bool]) -> list[Reader]:
    if path.is_file() and is_known(path.name) and wanted(path.name):
        return [MediaFile(str(path), path.name, size=_size(str(path)))]
    if not path.exists():
        raise ValueError(f"No such file or folder: {path}.")
    catalogue = read_catalogue(str(path))
    parents = [Path(entry.path).parent for entry in catalogue.entries]
    root = path if path.is_dir() else Path(os.path.commonpath(parents))
    found = _readers(catalogue, root, wanted, str(path))
    if path.is_dir():
        _tell_what_is_left(path, wanted)
    return found


def _tell_what_is_left(folder: Path, wanted: Callable[[str], bool]) -> None:
    """One line with the endings of files that are not read, so that none is missed in silence."""
    names = (name for _, _, files in os.walk(folder) for name in files if name[0] != ".")
    left = Counter(
        Path(name).suffix.lower() or "without an ending"
        for name in names
        if not (is_known(name) and wanted(name))
    )
    if left:
        told = ", ".join(f"{count} {ending}" for ending, count in sorted(left.items()))
        Console(soft_wrap=True).print(f"Files that are not read: {told}.", markup=False)


def _readers(
    catalogue: Catalogue, root: Path, wanted: Callable[[str], bool], where: str
) -> list[Reader]:
    found: list[Reader] = []
    for entry in catalogue.entries:
        if not wanted(entry.path):
            continue
        name = Path(entry.path).relative_to(root).as_posix()
        named = (
            catalogue.classes[entry.label]
            if catalogue.classes and entry.label is not None
            else None
        )
        found.append(MediaFile(entry.path, name, entry.label, named, _size(entry.path)))
    if not found:
        raise ValueError(f"No files of the wanted kind in {where}.")
    return found


def _find_remote(address: str, *, wanted: Callable[[str], bool]) -> Sequence[Reader]:
    """Files below a remote prefix, in the order of their names.

    Raises:
        ValueError: a scheme that is not read, or no such files.
    """
    scheme = address.partition("://")[0]
    if scheme not in REMOTE or "::" in address:
        raise ValueError(f"Cannot read {address!r}: give a path or one of {', '.join(REMOTE)}.")
    system, root = fsspec.url_to_fs(address)
    single = system.isfile(root)
    files = {root: system.info(root)} if single else system.find(root, detail=True)
    found: list[Reader] = [
        MediaFile(
            system.unstrip_protocol(path),
            path.removeprefix(root).strip("/") or path.split("/")[-1],
            size=files[path].get("size"),
        )
        for path in sorted(files)
        if is_known(path) and wanted(path)
    ]
    if not found:
        raise ValueError(f"No files of the wanted kind below {address}.")
    return found


def _is_video(path: str) -> bool:
    return not is_image(path)


VIDEOS = Source(
    find=partial(_find, wanted=_is_video),
    find_remote=partial(_find_remote, wanted=_is_video),
    licence=None,
    summary="video files: one, a folder, a list, or a remote prefix",
)
IMAGES = Source(
    find=partial(_find, wanted=is_image),
    find_remote=partial(_find_remote, wanted=is_image),
    licence=None,
    summary="still images, which clips of several frames repeat",
    still=True,
)
