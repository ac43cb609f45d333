"""Labelled still images of a folder: where each of them lies, and its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int


class Picture(NamedTuple):
    """A picture that has not been read yet.

    Attributes:
        name: unique in its set: the path below the folder, or the member of the archive.
        label: name of its class.
        file: that holds its bytes.
        start: first of its bytes in that file.
        length: how many there are; None for the whole file.
    """

    name: str
    label: str
    file: str
    start: int = 0
    length: int | None = None

    def read(self) -> bytes:
        """The bytes of the encoded picture."""
        with open(self.file, "rb") as stream:
            stream.seek(self.start)
            return stream.read(-1 if self.length is None else self.length)


@dataclass(frozen=True)
class ImageSet:
    """Pictures sorted by name, so that every draw depends on the names and not on how they lie."""

    path: str
    pictures: tuple[Picture, ...]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.pictures)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; numbers in their order, other names alphabetically."""
        names = {picture.label for picture in self.pictures}
        return tuple(sorted(names, key=int if all(map(str.isdecimal, names)) else str))

    def numbers(self, classes: Sequence[str]) -> Int[np.ndarray, " n"]:
        """The place of every picture's class among ``classes``."""
        places = {name: place for place, name in enumerate(classes)}
        return np.array([places[picture.label] for picture in self.pictures])


def check_sides(train: ImageSet, test: ImageSet) -> tuple[str, ...]:
    """The classes of both sides.

    Raises:
        ValueError: the same folder twice, fewer than two classes, or classes of the test pictures
            that no training picture has.
    """
    if Path(train.path).resolve() == Path(test.path).resolve():
        raise ValueError(
            f"--train and --test are the same folder ({train.path}): probes would be judged on "
            "what they learned. Give two folders with different pictures."
        )
    classes = train.classes
    if len(classes) < 2:
        raise ValueError(
            f"All {len(train)} pictures of {train.path} are of the class '{classes[0]}'; a probe "
            "needs at least 2 classes."
        )
    unknown = sorted(set(test.classes) - set(classes))
    if unknown:
        raise ValueError(
            f"{len(unknown)} of the {len(test.classes)} classes of {test.path} have no picture in "
            f"{train.path}, such as {unknown[:3]}; there the classes are {list(classes[:5])}"
            f"{' ...' if len(classes) > 5 else ''}. Both sides need the same names (or numbers)."
        )
    return classes
