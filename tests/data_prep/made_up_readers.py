"""Readers of videos that exist only as arrays, for tests of the path from a source to shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from data_prep.footage import Footage, Reader
from jepakit.data.schema import CONTACTS

RATE = 10.0
HEIGHT, WIDTH = 24, 32


def picture(number: int) -> ndarray:
    """Gray as its number; the object 7 is red and moves right, 300 is green and stands still."""
    frame = np.full((HEIGHT, WIDTH, 3), number, np.uint8)
    ids = truth(number)
    frame[ids == 7] = (250, 10, 10)
    frame[ids == 300] = (10, 250, 10)
    return frame


def truth(number: int) -> ndarray:
    ids = np.zeros((HEIGHT, WIDTH), np.int32)
    ids[4:10, 4 + number % 12 : 12 + number % 12] = 7
    ids[14:22, 10:24] = 300
    return ids


@dataclass(frozen=True)
class MadeUp(Reader):
    """Attributes: when each event happens, and what the source says of splits and groups."""

    known_as: str
    frames: int = 30
    breaks_at: int | None = None
    masks: bool = True
    group_name: str = ""
    official: str | None = None

    @property
    def name(self) -> str:
        return self.known_as

    @property
    def group(self) -> str:
        return self.group_name or self.known_as

    @property
    def split(self) -> str | None:
        return self.official

    @contextmanager
    def open(self) -> Iterator[Footage]:
        reads: list[int] = []

        def pictures(numbers: Sequence[int]) -> Iterator[ndarray]:
            for number in numbers:
                if self.breaks_at is not None and number >= self.breaks_at:
                    raise ValueError(f"frame {number} cannot be decoded")
                reads.append(number)
                yield picture(number)

        states = np.arange(self.frames * 2 * 3, dtype=float).reshape(self.frames, 2, 3)
        contacts = np.array([(3, 7, 300, 1.5), (12, 0, 7, 2.0), (13, 7, 99, 1.0)], CONTACTS)
        yield Footage(
            np.arange(self.frames) / RATE,
            pictures,
            truth=(lambda numbers: map(truth, numbers)) if self.masks else None,
            objects={7: {"class": "box"}, 300: {"class": "block"}},
            labels={"speed": 2.5},
            states=states,
            contacts=contacts,
            details={"states": "x y z", "state_objects": [7, 300]},
        )
        assert len(reads) == len(set(reads)), "a frame was decoded twice"


def source_of(readers: Sequence[Reader], **options: Any) -> Any:
    from data_prep.footage import Source

    options = {"licence": "CC0-1.0", "summary": "made up", "has_masks": True, **options}
    return Source(find=lambda path: readers, **options)
