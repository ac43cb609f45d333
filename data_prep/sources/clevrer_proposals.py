"""Masks of CLEVRER's frame parser: proposals with looks, which tell the objects apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Integer
from numpy import ndarray

from data_prep.sources.clevrer_motion import LOOKS
from data_prep.sources.json_records import field_of
from data_prep.sources.run_lengths import decode_runs

Looks = tuple[str, ...]


@dataclass(frozen=True)
class Proposed:
    """A proposal in one frame."""

    looks: Looks
    score: float
    counts: Any
    height: int
    width: int


@dataclass(frozen=True)
class ProposedMasks:
    """Masks of all frames.

    Attributes:
        frames: proposals by frame.
        ids: of the objects, by their looks.
        where: the file, for errors.
    """

    frames: tuple[tuple[Proposed, ...], ...]
    ids: Mapping[Looks, int]
    where: str

    def read(self, numbers: Sequence[int]) -> Iterator[Integer[ndarray, "h w"]]:
        """Id maps of these frames. Where proposals overlap, the one of the higher score shows.

        Raises:
            ValueError: run lengths that are damaged, or a frame without any size.
        """
        sizes = {(p.height, p.width) for frame in self.frames for p in frame}
        if len(sizes) != 1:
            raise ValueError(f"{self.where}: masks of one size expected, came {sorted(sizes)}.")
        for number in numbers:
            ids = np.zeros(next(iter(sizes)), np.int64)
            for proposed in sorted(self.frames[number], key=lambda p: p.score):
                try:
                    mask = decode_runs(proposed.counts, proposed.height, proposed.width)
                except ValueError as error:
                    here = f"{self.where}: frames[{number}]"
                    raise ValueError(f"{here}: field 'counts': {error}") from error
                ids[mask] = self.ids[proposed.looks]
            yield ids


def proposals_of(
    value: Any, frames: int, known: Mapping[int, Mapping[str, Any]], where: str
) -> tuple[ProposedMasks, dict[int, dict[str, Any]]]:
    """Read a file of proposals; gives its masks and the objects by their ids.

    A proposal that looks like no known object is a mistake of the parser and is left out.

    Args:
        value: the JSON value.
        frames: of the video.
        known: objects by id; empty where nothing is known, and each look is then an object.
        where: its file, for errors.

    Raises:
        ValueError: a field is missing or wrong, or frames are not numbered from 0 without a gap.
    """
    entries = field_of(value, "frames", list, where)
    if len(entries) != frames:
        raise ValueError(f"{where}: field 'frames' has {len(entries)} frames, the video {frames}.")
    parsed = [_frame(entry, number, where) for number, entry in enumerate(entries)]
    if known:
        objects = {identity: dict(entry) for identity, entry in known.items()}
    else:
        looks = sorted({proposed.looks for frame in parsed for proposed in frame})
        objects = {
            identity: {"kind": look[-1], **dict(zip(LOOKS, look, strict=True))}
            for identity, look in enumerate(looks, 1)
        }
    ids = {tuple(str(entry[name]) for name in LOOKS): key for key, entry in objects.items()}
    kept = tuple(tuple(p for p in frame if p.looks in ids) for frame in parsed)
    return ProposedMasks(kept, ids, where), objects


def _frame(entry: Any, number: int, where: str) -> list[Proposed]:
    where = f"{where}: frames[{number}]"
    if isinstance(entry, dict) and "frame_index" in entry:
        stated = field_of(entry, "frame_index", int, where)
        if stated != number:
            raise ValueError(f"{where}: field 'frame_index' should be {number}, came {stated}.")
    found = []
    for place, record in enumerate(field_of(entry, "objects", list, where)):
        here = f"{where}: objects[{place}]"
        looks = tuple(field_of(record, name, str, here) for name in LOOKS)
        mask = field_of(record, "mask", dict, here)
        size = field_of(mask, "size", list, here)
        if len(size) != 2 or any(type(side) is not int for side in size):
            raise ValueError(f"{here}: field 'size' should be height and width, came {size!r:.40}.")
        score = field_of(record, "score", float, here) if "score" in record else 0.0
        counts = field_of(mask, "counts", object, here)
        if not isinstance(counts, str | list):
            raise ValueError(f"{here}: field 'counts' should be text or numbers.")
        found.append(Proposed(looks, float(score), counts, size[0], size[1]))
    return found
