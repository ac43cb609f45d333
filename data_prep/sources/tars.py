"""WebDataset tars of videos or pictures, as other tools write them.

Layout: a tar, or a folder of them. Members of one sample share the name up to the first dot of its
last part: ``KEY.mp4`` (or another video ending) or ``KEY.jpg`` (or another picture ending), and
where there are any ``KEY.json`` (kept among the details, NaN as null), ``KEY.mask.png``
(grey or palette, ids of objects of a picture) and ``KEY.cls`` (a whole number). Other members are
left alone, and no member is ever unpickled or run: a sample that carries ``.pkl``, ``.pickle``,
``.pyd``, ``.pth`` or ``.pt`` is rejected. Nothing is extracted by name. Licence: for the user to
state.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer
from numpy import ndarray
from PIL import Image

from data_prep.footage import Footage, Reader, Source
from jepakit.data.video.decoder import IMAGE_SUFFIXES, VIDEO_SUFFIXES, open_video

CODE = frozenset((".pkl", ".pickle", ".pyd", ".pth", ".pt"))
MASK = ".mask.png"
MAX_JSON = 1 << 20
_PLAIN = re.compile(r"[^/\x00-\x1f|]+(/[^/\x00-\x1f|]+)*")


@dataclass(frozen=True)
class TarSample(Reader):
    """A sample of a tar.

    Attributes:
        tar: path of the file.
        known_as: path of the tar below the folder of the source.
        key: of the sample.
        members: offset and size of the bytes of each member, by its ending.
        fault: why it cannot be read, if that was plain from the tar's headers.
    """

    tar: str
    known_as: str
    key: str
    members: dict[str, tuple[int, int]] = field(default_factory=dict)
    fault: str = ""

    @property
    def name(self) -> str:
        """Tar and key."""
        return f"{self.known_as}/{self.key}"

    @property
    def stamp(self) -> Any:
        """Where its members lie in the tar."""
        return sorted(self.members.items())

    @contextmanager
    def open(self) -> Iterator[Footage]:
        """Open it.

        Raises:
            ValueError: damaged, without a video or picture, with two, or with members that carry
                code.
        """
        if self.fault:
            raise ValueError(self.fault)
        (ending,) = self._media()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"clip{ending}"  # a name of ours: theirs never reach the disk
            path.write_bytes(self._bytes(ending))
            with open_video(str(path)) as video:
                masks = [self._mask()] if MASK in self.members else None
                yield Footage(
                    video.seconds,
                    video.frames,
                    truth=None if masks is None else lambda numbers: iter(masks * len(numbers)),
                    details=self._details(),
                )

    def _media(self) -> list[str]:
        if code := sorted(set(self.members) & CODE):
            raise ValueError(f"Members {code} can carry code; such samples are not read.")
        found = [e for e in self.members if e in VIDEO_SUFFIXES or e in IMAGE_SUFFIXES]
        if len(found) != 1:
            raise ValueError(f"One video or picture expected, came {sorted(self.members)}.")
        if MASK in self.members and found[0] not in IMAGE_SUFFIXES:
            raise ValueError("A mask of one picture beside a video.")
        return found

    def _bytes(self, ending: str) -> bytes:
        offset, size = self.members[ending]
        with Path(self.tar).open("rb") as stream:
            stream.seek(offset)
            data = stream.read(size)
        if len(data) != size:
            raise ValueError(f"{self.tar} is cut short in member '{self.key}{ending}'.")
        return data

    def _mask(self) -> Integer[ndarray, "h w"]:
        with Image.open(io.BytesIO(self._bytes(MASK))) as picture:
            if picture.mode not in ("P", "L", "I;16", "I"):
                raise ValueError(f"A grey or palette mask expected, came mode {picture.mode}.")
            return np.array(picture)

    def _details(self) -> dict[str, Any]:
        details: dict[str, Any] = {}
        if ".cls" in self.members:
            details["class"] = int(self._bytes(".cls"))
        if ".json" in self.members:
            if self.members[".json"][1] > MAX_JSON:
                raise ValueError(f"A JSON member of more than {MAX_JSON} bytes.")
            details["json"] = json.loads(self._bytes(".json"), parse_constant=_null)
        return details


def _null(_: str) -> None:
    """NaN and infinities, which are not JSON but which Python writes."""


def _find(path: Path) -> Sequence[Reader]:
    if not path.exists():
        raise ValueError(f"No such file or folder: {path}.")
    tars = sorted(path.rglob("*.tar")) if path.is_dir() else [path]
    found: list[Reader] = []
    for tar in tars:
        name = tar.relative_to(path).as_posix() if path.is_dir() else tar.name
        found += _samples(tar, name)
    if not found:
        raise ValueError(f"No samples in the tars of {path}.")
    return found


def _samples(tar: Path, name: str) -> list[Reader]:
    """Samples of a tar in stored order; what cannot be read of it comes last, as faulty ones."""
    samples: dict[str, TarSample] = {}
    faulty: list[Reader] = []
    try:
        with tarfile.open(tar, "r:") as archive:
            for info in archive:
                if info.isdir():
                    continue
                if fault := _unsafe(info.name) or _hollow(info):
                    faulty.append(TarSample(str(tar), name, info.name, fault=fault))
                    continue
                folder, _, base = info.name.rpartition("/")
                stem, _, ending = base.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                sample = samples.setdefault(key, TarSample(str(tar), name, key))
                if (member := f".{ending.lower()}") in sample.members:
                    fault = f"Member '{info.name}' appears twice."
                    samples[key] = replace(sample, fault=fault)
                sample.members[member] = (info.offset_data, info.size)
            _check_end(tar, archive.offset)
    except (tarfile.TarError, OSError, ValueError) as error:
        faulty.append(TarSample(str(tar), name, "(rest)", fault=f"{type(error).__name__}: {error}"))
    return [*samples.values(), *faulty]


def _check_end(tar: Path, offset: int) -> None:
    """Refuse a broken header, at which tarfile stops as if it were the end, and a missing end.

    Raises:
        ValueError: something else than the zeros of the end, or nothing.
    """
    with tar.open("rb") as stream:
        stream.seek(offset)
        block = stream.read(tarfile.BLOCKSIZE)
    if any(block):
        raise ValueError(f"broken header at byte {offset}")
    if not block:
        raise ValueError(f"cut short at byte {offset}: there is no end mark")


def _hollow(info: tarfile.TarInfo) -> str:
    """Why a member's bytes do not lie behind its header, or nothing."""
    if info.isreg() and info.sparse is None:
        return ""
    kind = "link" if info.islnk() or info.issym() else "sparse or special file"
    return f"The member '{info.name}' is a {kind}; write the tar of plain files."


def _unsafe(member: str) -> str:
    """Why a member's name is not followed, or nothing."""
    if member.startswith("/") or ".." in member.split("/") or not _PLAIN.fullmatch(member):
        return f"The member name {member!r} leaves its folder or is no plain name."
    if member.startswith("pipe:"):
        return f"The member name {member!r} is a command; it is not run."
    return ""


SOURCE = Source(
    find=_find,
    licence=None,
    summary="WebDataset tars of videos or pictures",
    has_masks=True,
)
