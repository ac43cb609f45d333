"""COCO panoptic: photographs, PNGs whose colours are segments, and tables of what those are.

Layout: ``NAME.json`` at the top or in ``annotations/``, with ``images``, ``categories``, perhaps
``licenses``, and an entry of ``annotations`` per image (``file_name`` of its PNG and
``segments_info``); a folder ``NAME/`` of PNGs beside it or at the top; the photographs in a folder
one or two levels below the top. Other data sets use this layout too. Licence: annotations
CC-BY-4.0; each photograph has its own, which the details of its clip state.

Objects are things; a crowd is one object, marked ``iscrowd``. Stuff (sky, grass) is background in
``SOURCE``: hiding a region that is no body asks a model another question than hiding an object, and
the filter by area would choose it most often. ``WITH_STUFF`` makes it objects, which is what
segmenters that know no classes find.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from data_prep.footage import Reader, Source
from data_prep.sources.damaged import Damaged
from data_prep.sources.json_records import field_of, read_json
from data_prep.sources.panoptic_image import PanopticImage, Segment

_SPLIT = re.compile(r"(?<![a-z])(train|val|test)(ing|idation)?(?![a-z])")
_PROBED = 8  # photographs that are sought to find their folder


@dataclass(frozen=True)
class Table:
    """A panoptic JSON file.

    Attributes:
        path: of the file.
        images: by id, as all below are.
        annotations: of the images.
        categories: of the segments.
        licences: of the images.
    """

    path: Path
    images: Mapping[int, Mapping[str, Any]]
    annotations: Sequence[Any]
    categories: Mapping[int, Mapping[str, Any]]
    licences: Mapping[int, Mapping[str, Any]]

    @classmethod
    def load(cls, path: Path) -> Table:
        """Read it.

        Raises:
            ValueError: it is not such a file; says what is missing.
        """
        fields = read_json(path)
        images, annotations, categories = (
            field_of(fields, name, list, str(path))
            for name in ("images", "annotations", "categories")
        )
        if not _by_id(images):
            raise ValueError(f"{path}: no image with an id.")
        licences = field_of({"licenses": [], **fields}, "licenses", list, str(path))
        return cls(path, _by_id(images), annotations, _by_id(categories), _by_id(licences))

    def readers(self, masks: Path, *, stuff: bool) -> Iterator[Reader]:
        """One per annotation, and one that says so per image without.

        Raises:
            ValueError: the photographs are nowhere to be found.
        """
        folders = self._photographs(masks), masks
        left = dict(self.images)
        for number, annotation in enumerate(self.annotations):
            where = f"{self.path}, annotation {number}"
            try:
                identity = field_of(annotation, "image_id", int, where)
                if identity not in left:
                    raise ValueError(f"{where}: image {identity} is unknown, or annotated twice.")
                yield self._image(left.pop(identity), annotation, folders, where, stuff=stuff)
            except ValueError as error:
                yield Damaged(f"{self.path.stem}/annotation {number}", str(error))
        for number, image in left.items():
            name = f"{self.path.stem}/{image.get('file_name', number)}"
            yield Damaged(name, f"{self.path}: no annotation of image {number}.")

    def _image(
        self, image: Any, annotation: Any, folders: Sequence[Path], where: str, *, stuff: bool
    ) -> PanopticImage:
        names = [field_of(entry, "file_name", str, where) for entry in (image, annotation)]
        photograph, masks = map(_below, folders, names)
        height, width = (field_of(image, name, int, where) for name in ("height", "width"))
        rows = field_of(annotation, "segments_info", list, where)
        part = _SPLIT.search(self.path.stem.lower())
        return PanopticImage(
            f"{self.path.stem}/{names[0]}",
            photograph,
            masks,
            (height, width),
            tuple(self._segment(row, where) for row in rows),
            stuff,
            part.group(1) if part else None,
            self._origin(image, where),
        )

    def _segment(self, row: Any, where: str) -> Segment:
        category = self.categories.get(field_of(row, "category_id", int, where))
        if category is None:
            raise ValueError(f"{where}: category {row['category_id']} is unknown.")
        return Segment(
            number=field_of(row, "id", int, where),
            kind=field_of(category, "name", str, str(self.path)),
            thing=bool(field_of(category, "isthing", int, str(self.path))),
            crowd=bool(row.get("iscrowd")),
        )

    def _origin(self, image: Mapping[str, Any], where: str) -> dict[str, str]:
        licence = self.licences.get(field_of({"license": -1, **image}, "license", int, where), {})
        stated = {
            "licence": licence.get("name"),
            "licence_url": licence.get("url"),
            "url": image.get("flickr_url") or image.get("coco_url"),
        }
        return {name: str(value) for name, value in stated.items() if value}

    def _photographs(self, masks: Path) -> Path:
        """The folder that holds most of the first photographs.

        Raises:
            ValueError: none holds any.
        """
        root = _root(self.path)
        names = [str(image.get("file_name")) for image in self.images.values()][:_PROBED]
        below = [*root.glob("*/"), *root.glob("*/*/")]
        folders = [root, *sorted(path for path in below if path.is_dir() and path != masks)]
        # Not Path.is_file, which raises for a name that is too long.
        counts = [sum(os.path.isfile(folder / name) for name in names) for folder in folders]
        if not max(counts):
            raise ValueError(
                f"No folder below {root} holds the photographs {names} of {self.path}."
            )
        return folders[counts.index(max(counts))]


def find(path: Path, *, stuff: bool) -> list[Reader]:
    """Images of a table, or of all tables of a folder.

    Raises:
        ValueError: there is no table, or no photograph of one.
    """
    paths = (
        [path]
        if path.is_file()
        else sorted([*path.glob("*.json"), *path.glob("annotations/*.json")])
    )
    tables = [(table, folder) for table in paths if (folder := _masks(table)) is not None]
    if not tables:
        raise ValueError(
            f"{path}: NAME.json with a folder NAME of PNGs expected, there or in annotations/."
        )
    return [reader for table, masks in tables for reader in _readers(table, masks, stuff=stuff)]


def _readers(path: Path, masks: Path, *, stuff: bool) -> list[Reader]:
    try:
        table = Table.load(path)
    except ValueError as error:
        return [Damaged(path.name, str(error))]
    return list(table.readers(masks, stuff=stuff))


def _root(table: Path) -> Path:
    return table.parent.parent if table.parent.name == "annotations" else table.parent


def _masks(table: Path) -> Path | None:
    folders = [table.with_suffix(""), _root(table) / table.stem]
    return next((folder for folder in folders if folder.is_dir()), None)


def _by_id(entries: Sequence[Any]) -> dict[int, Mapping[str, Any]]:
    """What has no id is not missed: whoever refers to it is damaged."""
    return {
        entry["id"]: entry
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), int)
    }


def _below(folder: Path, name: str) -> Path:
    """A file of a folder.

    Raises:
        ValueError: the name leads out of it.
    """
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise ValueError(f"The file name {name!r} leads out of {folder}.")
    return folder / name


_LICENCE = "annotations CC-BY-4.0; each photograph its own, stated in its details"
SOURCE = Source(
    find=partial(find, stuff=False),
    licence=_LICENCE,
    summary="COCO panoptic: things are objects, stuff is background",
    has_masks=True,
    still=True,
)
WITH_STUFF = Source(
    find=partial(find, stuff=True),
    licence=_LICENCE,
    summary="COCO panoptic: things and stuff are objects",
    has_masks=True,
    still=True,
)
