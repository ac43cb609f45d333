"""Video files and still images: a file, a folder of them, or a list; local or remote.

Layout: any files that end like videos or images, in any sub-folders; or a ``.csv`` or ``.txt`` list
with one path a line (see :func:`jepakit.data.video.listing.read_list`). Where every file lies in a
sub-folder, the first sub-folder names its class. Licence: the user's to state.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fsspec

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
    """

    path: str
    known_as: str
    label: int | None = None
    class_name: str | None = None

    @property
    def name(self) -> str:
        """Path below the folder."""
        return self.known_as

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
        path = Path(folder) / Path(address).name
        with fsspec.open(address, "rb") as source, path.open("wb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
        yield path


def _find(path: Path, *, wanted: Callable[[str], bool]) -> list[Reader]:
    if path.is_file() and is_known(path.name) and wanted(path.name):
        return [MediaFile(str(path), path.name)]
    if not path.exists():
        raise ValueError(f"No such file or folder: {path}.")
    catalogue = read_catalogue(str(path))
    root = path if path.is_dir() else None
    return _readers(catalogue, root, wanted, str(path))


def _readers(
    catalogue: Catalogue, root: Path | None, wanted: Callable[[str], bool], where: str
) -> list[Reader]:
    found: list[Reader] = []
    for entry in catalogue.entries:
        if not wanted(entry.path):
            continue
        name = entry.path if root is None else Path(entry.path).relative_to(root).as_posix()
        named = (
            catalogue.classes[entry.label]
            if catalogue.classes and entry.label is not None
            else None
        )
        found.append(MediaFile(entry.path, name, entry.label, named))
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
    paths = [root] if system.isfile(root) else sorted(system.find(root))
    found = [
        MediaFile(
            system.unstrip_protocol(path), path.removeprefix(root).strip("/") or path.split("/")[-1]
        )
        for path in paths
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
