"""A folder of numbered pictures as a video: files by frame number, and no frame missing."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

PHOTOGRAPHS = (".jpg", ".jpeg", ".png")
_NUMBER = re.compile(r"\d+$", re.ASCII)
_SHOWN = 8  # numbers that a message lists


@dataclass(frozen=True)
class PictureSequence:
    """Pictures of one folder.

    Attributes:
        folder: which.
        files: by frame number, ascending.
        digits: of a number in a name.
    """

    folder: Path
    files: Mapping[int, Path]
    digits: int = 0

    @classmethod
    def of(cls, folder: Path, suffixes: Collection[str] = PHOTOGRAPHS) -> PictureSequence:
        """By the number that ends their names; hidden and other files are passed over.

        Raises:
            ValueError: a picture without a number, or two of one number.
        """
        found: dict[int, Path] = {}
        digits = 0
        for path in sorted(folder.glob("[!.]*")):
            if path.suffix.lower() not in suffixes:
                continue
            number = _NUMBER.search(path.stem)
            if number is None:
                raise ValueError(f"{path}: a name that ends with the frame's number expected.")
            digits = max(digits, len(number.group()))
            other = found.setdefault(int(number.group()), path)
            if other != path:
                raise ValueError(f"{path} and {other.name} are the same frame.")
        return cls(folder, dict(sorted(found.items())), digits)

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.files)

    def seconds(self, rate: float) -> Float[ndarray, " frames"]:
        """When frames are shown that are numbered at ``rate`` (Hz), the first at 0."""
        numbers = np.array(list(self.files), dtype=np.float64)
        return (numbers - numbers[:1]) / rate

    def check_steps(self) -> None:
        """Refuse a sequence that lacks frames between its first and its last one.

        Their distance is the one that occurs most: data sets number every frame, or every fifth.

        Raises:
            ValueError: naming the frames, or a distance that is no multiple of the usual one.
        """
        numbers = list(self.files)
        if len(numbers) < 2:
            return
        steps = np.diff(numbers)
        distances, counts = np.unique(steps, return_counts=True)
        step = int(distances[counts.argmax()])
        odd = np.flatnonzero(steps % step)
        if len(odd):
            first, second = map(self._named, numbers[odd[0] : odd[0] + 2])
            raise ValueError(
                f"{self.folder}: frame {second} follows {first}, but others are {step} apart."
            )
        self.check_holds(range(numbers[0], numbers[-1], step))

    def check_holds(self, numbers: Collection[int]) -> None:
        """Refuse a sequence that lacks any of these frames.

        Raises:
            ValueError: naming those that it lacks.
        """
        missing = sorted(set(numbers) - self.files.keys())
        if missing:
            shown = ", ".join(map(self._named, missing[:_SHOWN]))
            more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            raise ValueError(f"{self.folder}: frames {shown}{more} missing.")

    def _named(self, number: int) -> str:
        return f"{number:0{self.digits}d}"
