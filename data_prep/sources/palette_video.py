"""A video as a folder of photographs beside a folder of palette masks with the same numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_prep.footage import Footage, IdMap, Picture, Reader
from data_prep.sources.picture_file import picture_size, read_ids, read_rgb
from data_prep.sources.picture_sequence import PictureSequence


@dataclass(frozen=True)
class PaletteVideo(Reader):
    """Numbered photographs, and masks whose values are the ids of objects.

    Attributes:
        known_as: its name in the data set.
        photographs: folder.
        masks: folder; where it holds none, or the first alone, the video counts as one without.
        rate: frame numbers per second (Hz).
        part: split, where the data set names one.
        objects: what is known of objects, by id.
        sparse: whether photographs without a mask are passed over; else they are damage.
    """

    known_as: str
    photographs: Path
    masks: Path
    rate: float
    part: str | None = None
    objects: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    sparse: bool = False

    @property
    def name(self) -> str:
        """Its name in the data set."""
        return self.known_as

    @property
    def split(self) -> str | None:
        """Where the data set puts it."""
        return self.part

    @contextmanager
    def open(self) -> Iterator[Footage]:
        """List its files; pictures are read when they are asked for.

        Raises:
            ValueError: no pictures, or a frame or a mask is missing; later, a picture is damaged,
                or its mask has another size.
        """
        photographs = PictureSequence.of(self.photographs)
        masks = PictureSequence.of(self.masks, (".png",))
        shown = masks if self.sparse else photographs
        if not shown.files:
            raise ValueError(f"No pictures in {shown.folder}.")
        shown.check_steps()
        photographs.check_holds(masks.files)
        masked = self.sparse or not masks.files.keys() <= {next(iter(photographs.files))}
        if masked:
            masks.check_holds(shown.files)
        numbers = list(shown.files)
        pairs = [(photographs.files[n], masks.files[n] if masked else Path()) for n in numbers]
        yield Footage(
            shown.seconds(self.rate),
            lambda places: _pictures([pairs[place][0] for place in places]),
            (lambda places: _masks([pairs[place] for place in places])) if masked else None,
            objects=self.objects,
            details={"first_frame": numbers[0]},
        )


def _pictures(paths: Sequence[Path]) -> Iterator[Picture]:
    for path in paths:
        yield read_rgb(path)


def _masks(pairs: Sequence[tuple[Path, Path]]) -> Iterator[IdMap]:
    for photograph, mask in pairs:
        ids = read_ids(mask)
        check_same_size(ids.shape, mask, picture_size(photograph), photograph)
        yield ids


def check_same_size(
    mask_size: tuple[int, ...], mask: Path, size: tuple[int, ...], photograph: Path
) -> None:
    """Refuse a mask that is not of its photograph.

    Raises:
        ValueError: the sizes differ; names both files.
    """
    if mask_size != size:
        raise ValueError(
            f"{mask} has {mask_size[0]}x{mask_size[1]} pixels, {photograph} {size[0]}x{size[1]}."
        )
