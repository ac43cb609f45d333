"""COCO panoptic: every segment of at least a stated area is an item, its category the class."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from jepakit.evals.repair.images.mask_files import read_photograph, read_segments, same_size
from jepakit.evals.repair.images.masked_images import (
    ImageRecord,
    MaskedImage,
    MaskedImageSet,
    Others,
    UnusableImage,
)

Kinds = Literal["things", "stuff", "all"]
LAYOUT = """Expected the panoptic layout of COCO: a table, the folder of its PNGs, and photographs
  {path}/annotations/panoptic_val2017.json
  {path}/annotations/panoptic_val2017/000000000139.png
  {path}/val2017/000000000139.jpg
(the table may also lie at the top). Get panoptic_annotations_trainval2017.zip and val2017.zip from
cocodataset.org, and unpack the zips of PNGs inside the first."""
_PROBED = 8  # photographs that are sought to find their folder


@dataclass(frozen=True)
class _Segment:
    number: int
    kind: str
    thing: bool
    crowd: bool
    area: int


@dataclass(frozen=True)
class _Image:
    file: str
    pixels: int
    masks: str | None
    segments: tuple[_Segment, ...]

    @property
    def name(self) -> str:
        return Path(self.file).stem


def open_coco_panoptic(
    path: str, *, least_area: float = 0.01, kinds: Kinds = "things", others: Others = "avoid"
) -> MaskedImageSet:
    """The segments of a table, or of all tables of a folder, as items; an image is a group.

    Crowds are no items: several objects that nobody told apart. Unlabelled pixels are void.

    Args:
        path: of a table, or of the folder that holds it.
        least_area: share of the picture that a segment must have.
        kinds: things (people, cars), stuff (sky, grass), or both.
        others: ``avoid`` keeps masks of background off every other thing.

    Raises:
        ValueError: another layout, a damaged table, or no segment that can be used.
    """
    layout = LAYOUT.format(path=path.rstrip("/"))
    if not 0 <= least_area < 1:
        raise ValueError(f"least_area is a share in [0, 1), got {least_area}.")
    tables = [(table, masks) for table in _tables(Path(path)) if (masks := _masks(table))]
    if not tables:
        raise ValueError(f"No panoptic table with a folder of its name in {path}. {layout}")
    records: list[ImageRecord] = []
    skipped: dict[str, UnusableImage] = {}
    for table, masks in tables:
        images = _read(table, layout)
        photographs = _photographs(table, [image.file for image in images], layout)
        for image in images:
            if image.masks is None:
                detail = f"{table} has no annotation of '{image.name}'."
                skipped[image.name] = UnusableImage("no mask", detail)
                continue
            files = (_below(photographs, image.file), _below(masks, image.masks))
            for row in image.segments:
                if row.crowd or not (kinds == "all" or row.thing == (kinds == "things")):
                    continue
                key = f"{image.name}/{row.number}"
                if row.area < least_area * image.pixels:
                    detail = f"{key} ('{row.kind}') has {row.area} pixels."
                    skipped[key] = UnusableImage("object too small", detail)
                    continue
                load = partial(_load, files, row, image.segments, key, others)
                records.append(ImageRecord(key, row.kind, image.name, load))
    return MaskedImageSet(path, tuple(sorted(records, key=lambda record: record.key)), skipped)


def _read(table: Path, layout: str) -> list[_Image]:
    """The images of a table by name of their files, with what is known of their segments."""
    try:
        fields = json.loads(table.read_text())
        categories = {entry["id"]: entry for entry in fields["categories"]}
        marked = {entry["image_id"]: entry for entry in fields["annotations"]}
        images = [
            _Image(
                file=str(image["file_name"]),
                pixels=int(image["height"]) * int(image["width"]),
                masks=str(entry["file_name"]) if entry else None,
                segments=_segments(entry["segments_info"] if entry else (), categories),
            )
            for image in fields["images"]
            for entry in [marked.get(image["id"])]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{table} cannot be read ({error!r}). {layout}") from error
    return sorted(images, key=lambda image: image.file)


def _load(
    files: tuple[Path, Path], row: _Segment, rows: Sequence[_Segment], key: str, others: Others
) -> MaskedImage:
    photograph = read_photograph(files[0])
    ids = same_size(read_segments(files[1]), photograph.shape[:2], str(files[1]))
    void = ids == 0
    if others == "avoid":
        kept_off = [r.number for r in rows if r.thing and r.number != row.number]
        void |= np.isin(ids, kept_off)
    mask = ids == row.number
    if not mask.any():
        raise UnusableImage("no mask", f"{files[1]} has no segment {row.number}.")
    group = key.split("/")[0]
    return MaskedImage(photograph[None], mask[None], void[None], row.kind, key, group)


def _segments(
    rows: Sequence[Mapping[str, Any]], categories: Mapping[int, Mapping[str, Any]]
) -> tuple[_Segment, ...]:
    return tuple(
        _Segment(
            number=int(row["id"]),
            kind=str(categories[row["category_id"]]["name"]),
            thing=bool(categories[row["category_id"]]["isthing"]),
            crowd=bool(row.get("iscrowd")),
            area=int(row["area"]),
        )
        for row in rows
    )


def _tables(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted([*path.glob("*.json"), *path.glob("annotations/*.json")])


def _root(table: Path) -> Path:
    return table.parent.parent if table.parent.name == "annotations" else table.parent


def _masks(table: Path) -> Path | None:
    folders = [table.with_suffix(""), _root(table) / table.stem]
    return next((folder for folder in folders if folder.is_dir()), None)


def _photographs(table: Path, names: list[str], layout: str) -> Path:
    """The folder that holds most of the first photographs."""
    root = _root(table)
    below = sorted(folder for folder in root.glob("*/") if folder.is_dir())
    found = {
        folder: sum(os.path.isfile(folder / name) for name in names[:_PROBED])
        for folder in [root, *below]
    }
    best = max(found, key=lambda folder: found[folder])
    if not found[best]:
        raise ValueError(f"No folder in {root} holds {names[:3]} of {table}. {layout}")
    return best


def _below(folder: Path, name: str) -> Path:
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise ValueError(f"The file name {name!r} leads out of {folder}.")
    return folder / name
