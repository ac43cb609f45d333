"""Pictures and classes in WebDataset archives: found in one pass, read where they lie."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from jepakit.data.video.decoder import IMAGE_SUFFIXES
from jepakit.evals.images.image_set import Picture

CLASS = ".cls"
LONGEST_CLASS = 1 << 12
"""Bytes of a class: a number or a name."""


def read_archives(archives: Sequence[Path]) -> list[Picture]:
    """The pictures of all archives; a sample is ``KEY.jpg`` (or ``png`` ...) and ``KEY.cls``.

    A class is a whole number or a name. Other members are left alone. Only headers and classes are
    read; names are those of the members, so a set that lies in folders too has the same names.

    Raises:
        ValueError: a file that is no complete, uncompressed archive, no samples, or a sample
            without exactly one picture and a class.
    """
    pictures: list[Picture] = []
    for archive in archives:
        try:
            pictures += _samples(archive)
        except tarfile.TarError as error:
            raise ValueError(
                f"{archive} is no complete, uncompressed tar archive: {error}. Fetch it again."
            ) from error
    if not pictures:
        raise ValueError(
            f"No picture in the {len(archives)} archives of {archives[0].parent}; expected members "
            f"such as 0001.jpg with 0001{CLASS}."
        )
    return pictures


def _samples(archive: Path) -> Iterator[Picture]:
    found: dict[str, tarfile.TarInfo] = {}
    classes: dict[str, str] = {}
    with tarfile.open(archive, "r:") as tar:
        for member in tar:
            folder, slash, file = member.name.removeprefix("./").rpartition("/")
            stem, dot, ending = file.partition(".")  # as WebDataset: a key ends at the first dot
            key, suffix = folder + slash + stem, f"{dot}{ending}".lower()
            if not member.isfile():
                continue
            if suffix == CLASS:
                classes[key] = _class(tar, member, archive)
            elif suffix in IMAGE_SUFFIXES:
                if key in found:
                    raise ValueError(f"{archive}: sample '{key}' has two pictures; expected one.")
                found[key] = member
    lone = sorted(found.keys() ^ classes.keys())
    if lone:
        lack = f"a class (a member '{lone[0]}{CLASS}')" if lone[0] in found else "a picture"
        raise ValueError(
            f"{archive}: sample '{lone[0]}' has no {lack.removeprefix('a ')}; {len(lone)} of "
            f"{len(found | classes)} samples are like that."
        )
    for key, member in found.items():
        name = member.name.removeprefix("./")
        yield Picture(name, classes[key], str(archive), member.offset_data, member.size)


def _class(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path) -> str:
    stream = tar.extractfile(member)
    raw = stream.read(LONGEST_CLASS) if stream else b""
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text or member.size > LONGEST_CLASS:
        raise ValueError(
            f"{archive}: '{member.name}' must hold the number or the name of a class as text, "
            f"came {raw[:20]!r}."
        )
    return str(int(text)) if text.isdecimal() else text
