"""An image whose segments are the colours of a PNG, as COCO panoptic stores them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_prep.footage import Footage, IdMap, Reader
from data_prep.sources.palette_video import check_same_size
from data_prep.sources.picture_file import picture_size, read_rgb


@dataclass(frozen=True)
class Segment:
    """A row of ``segments_info`` with what its category says.

    Attributes:
        number: id in the PNG.
        kind: name of the category.
        thing: whether it is a thing (a person, a car) and not stuff (sky, grass).
        crowd: whether it is several things that nobody told apart.
    """

    number: int
    kind: str
    thing: bool
    crowd: bool


@dataclass(frozen=True)
class PanopticImage(Reader):
    """A photograph and its segments.

    Attributes:
        known_as: name of the table and of the image.
        photograph: file.
        masks: file.
        size: rows and columns that the table states.
        segments: all of the image.
        stuff: whether segments that are no things are objects; else they are background.
        part: split, where the data set names one.
        origin: licence and address of the photograph, as far as the table states them.
    """

    known_as: str
    photograph: Path
    masks: Path
    size: tuple[int, int]
    segments: tuple[Segment, ...]
    stuff: bool
    part: str | None = None
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Table and image."""
        return self.known_as

    @property
    def split(self) -> str | None:
        """Where the data set puts it."""
        return self.part

    @contextmanager
    def open(self) -> Iterator[Footage]:
        """Look at its sizes; pictures are read when they are asked for.

        Raises:
            ValueError: the sizes of photograph, PNG and table differ, or a file is damaged; later,
                the segments of PNG and table differ.
        """
        size = picture_size(self.photograph)
        check_same_size(picture_size(self.masks), self.masks, size, self.photograph)
        if size != self.size:
            raise ValueError(
                f"{self.photograph} has {size[0]}x{size[1]} pixels, its table says "
                f"{self.size[0]}x{self.size[1]}."
            )
        objects = {
            segment.number: {
                "kind": segment.kind,
                "isthing": segment.thing,
                "iscrowd": segment.crowd,
            }
            for segment in self.segments
            if segment.thing or self.stuff
        }
        yield Footage(
            np.zeros(1),
            lambda numbers: (read_rgb(self.photograph) for _ in numbers),
            lambda numbers: (self._truth(list(objects)) for _ in numbers),
            objects=objects,
            details={"image": dict(self.origin)} if self.origin else {},
        )

    def _truth(self, objects: list[int]) -> IdMap:
        ids = segment_ids(self.masks)
        found = set(np.unique(ids).tolist()) - {0}
        listed = {segment.number for segment in self.segments}
        if found != listed:
            raise ValueError(
                f"{self.masks}: segments {sorted(found - listed)[:8]} are not in the table, "
                f"{sorted(listed - found)[:8]} are not in the picture."
            )
        return np.where(np.isin(ids, objects), ids, 0)


def segment_ids(path: Path) -> IdMap:
    """Ids of a panoptic PNG: R + 256 G + 65536 B; 0 is unlabelled.

    Raises:
        ValueError: damaged; names the file.
    """
    red, green, blue = np.moveaxis(read_rgb(path).astype(np.int32), -1, 0)
    return red + 256 * green + 65536 * blue
