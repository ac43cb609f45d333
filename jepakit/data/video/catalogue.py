"""The videos of a folder or a list, each with a key and perhaps a label."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jepakit.data.video.decoder import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_known
from jepakit.data.video.listing import read_list

_LONGEST = 60  # characters of a key, so that additions keep it below the 80 of the shards


class Entry(NamedTuple):
    """A video.

    Attributes:
        key: unique in the catalogue, ``[a-z0-9_-]+``, made from the path.
        path: of the file.
        label: number of its class, or None.
    """

    key: str
    path: str
    label: int | None


@dataclass(frozen=True)
class Catalogue:
    """Videos in a fixed order.

    Attributes:
        entries: sorted by path in a folder, in the order of a list.
        classes: names of the labels, where they come from folders.
    """

    entries: tuple[Entry, ...]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of videos."""
        return len(self.entries)

    @property
    def is_labelled(self) -> bool:
        """Whether every video has a label."""
        return self.entries[0].label is not None

    @property
    def fingerprint(self) -> str:
        """Changes when keys, labels or their order do; file contents are not read."""
        digest = hashlib.blake2b(digest_size=16)
        for entry in self.entries:
            digest.update(f"{entry.key} {entry.label}\n".encode())
        return digest.hexdigest()

    def without_labels(self) -> Catalogue:
        """The same videos, of no class."""
        return Catalogue(tuple(entry._replace(label=None) for entry in self.entries))

    def divide(self, share: float) -> tuple[Catalogue, Catalogue]:
        """Training and validation part, whole videos each.

        Which videos are held out follows from their keys alone: a run with another seed validates
        on the same ones, and no run trains on what another one held out.

        Raises:
            ValueError: one part would be empty.
        """
        from jepakit.seeds import derive_seed  # here: reading a catalogue need not wait for torch

        held = round(share * len(self))
        if not 0 < held < len(self):
            raise ValueError(
                f"val_share={share} of {len(self)} videos holds out {held}; both parts need one."
            )
        ranked = sorted(self.entries, key=lambda entry: derive_seed("held out", entry.key))
        chosen = {entry.key for entry in ranked[:held]}
        return (
            Catalogue(tuple(e for e in self.entries if e.key not in chosen), self.classes),
            Catalogue(tuple(e for e in self.entries if e.key in chosen), self.classes),
        )


def read_catalogue(path: str, *, classes: Sequence[str] | None = None) -> Catalogue:
    """The videos and still images below a folder, or those of a ``.csv`` or ``.txt`` list.

    Where every file of a folder lies in a sub-folder, the first sub-folder names its class, and
    classes are numbered alphabetically. For lists see :func:`jepakit.data.video.listing.read_list`.

    Args:
        path: folder or list.
        classes: names in the order of their numbers, so that a validation folder agrees with the
            training folder.

    Raises:
        ValueError: no videos, a folder that may not be read, a line that cannot be understood, a
            video listed twice, or a class that is not in ``classes``.
    """
    source = Path(path)
    if source.is_dir():
        return _from_folder(source, classes)
    if source.suffix.lower() not in (".csv", ".txt"):
        raise ValueError(f"{path} is neither a folder nor a .csv or .txt list of videos.")
    if not source.is_file():
        raise ValueError(f"No such list of videos: {path}.")
    rows = read_list(source)
    if classes and rows[0][2] is not None:
        raise ValueError(
            f"{path} numbers its labels, but the training folder names its classes; give the "
            "training videos as a list too."
        )
    files = [file for _, file, _ in rows]
    parents = os.path.commonpath([file.parent for file in files])
    keys = keys_of([os.path.relpath(file, parents) for file in files])
    lines: dict[str, int] = {}
    for key, (number, file, _) in zip(keys, rows, strict=True):
        if lines.setdefault(key, number) != number:
            raise ValueError(f"{path}, line {number}: {file} is already on line {lines[key]}.")
    labels = (label for _, _, label in rows)
    return Catalogue(tuple(map(Entry, keys, map(str, files), labels)))


def _from_folder(folder: Path, classes: Sequence[str] | None) -> Catalogue:
    names = sorted(
        Path(os.path.relpath(parent, folder), name).as_posix()
        for parent, files in _folders(folder)
        for name in files
        if is_known(name) and name[0] != "."
    )
    if not names:
        endings = " ".join(sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
        raise ValueError(f"No videos or images in {folder}; expected files that end in {endings}.")
    paths = [str(folder / name) for name in names]
    if not all("/" in name for name in names):
        return Catalogue(
            tuple(Entry(k, f, None) for k, f in zip(keys_of(names), paths, strict=True))
        )
    found = sorted({name.split("/")[0] for name in names})
    known = list(found if classes is None else classes)
    if strangers := set(found) - set(known):
        raise ValueError(
            f"{folder} has classes that the training videos do not have: {sorted(strangers)}; "
            f"those have {known or 'numbers or no labels'}."
        )
    numbers = {name: number for number, name in enumerate(known)}
    labels = (numbers[name.split("/")[0]] for name in names)
    return Catalogue(tuple(map(Entry, keys_of(names), paths, labels)), tuple(known))


def _folders(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder below with its files; links that lead back to where they lie are left out."""
    chains: dict[str, tuple[Path, ...]] = {str(folder): (folder.resolve(),)}  # above and with each
    for parent, inner, files in os.walk(folder, onerror=_refuse, followlinks=True):
        chain = chains.pop(parent)
        for name in tuple(inner):
            place = Path(parent, name).resolve()
            if any(above.is_relative_to(place) for above in chain):
                inner.remove(name)
            chains[os.path.join(parent, name)] = (*chain, place)
        yield parent, files


def _refuse(error: OSError) -> None:
    """A folder that cannot be listed would make a smaller catalogue without a word."""
    raise ValueError(
        f"Cannot list the folder {error.filename}: {error.strerror}. Grant the right to read it, "
        "or give a folder or a list without it."
    ) from error


def keys_of(names: Sequence[str]) -> list[str]:
    """Keys that resemble relative paths; where two would be equal or too long, with a hash.

    The same path twice gives the same key twice.
    """
    stems = (Path(name).with_suffix("").as_posix().lower() for name in names)
    plain = [re.sub(r"[^a-z0-9_]+", "-", stem).strip("-") for stem in stems]
    counts = Counter(plain)
    return [
        key if counts[key] == 1 and 0 < len(key) <= _LONGEST else f"{key[-_LONGEST:]}-{_hash(name)}"
        for key, name in zip(plain, names, strict=True)
    ]


def _hash(name: str) -> str:
    return hashlib.blake2b(name.encode(errors="backslashreplace"), digest_size=6).hexdigest()
