"""The project's own data sets with label maps: one item per clip and object."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np

from jepakit.data.schema import BadSample
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.repair.images.masked_images import (
    ImageRecord,
    MaskedImage,
    MaskedImageSet,
    Others,
    UnusableImage,
)


def open_shard_scenes(
    path: str,
    *,
    split: str = "val",
    see: Literal["first", "clip"] = "first",
    least_area: float = 0.005,
    classes: str = "kind",
    others: Others = "avoid",
) -> MaskedImageSet:
    """The objects of the clips of a split; clips of one scene are a group.

    Args:
        path: folder or remote prefix that holds ``manifest.json``.
        split: of the data set.
        see: the first frame, or the whole clip.
        least_area: share of the picture that an object must have, mean over the frames seen.
        classes: entry of the object table that is the class, such as ``kind`` or ``shape``.
        others: ``avoid`` keeps masks of background off the other objects.

    Raises:
        ValueError: no such data set or split, objects without that entry, or none to be used.
    """
    reader = ShardReader(path, split=split)
    records: list[ImageRecord] = []
    skipped: dict[str, UnusableImage] = {}
    for number in range(len(reader)):
        key = reader.key(number)
        try:
            with reader.open(number) as stored:
                meta = stored.meta
        except BadSample as error:
            skipped[key] = UnusableImage("unreadable", str(error))
            continue
        if not meta["objects"]:
            skipped[key] = UnusableImage("no mask", f"{key} has no object.")
        group = str(meta["details"].get("group", key))
        for entry in meta["objects"]:
            name, label = f"{key}/{entry['id']}", _class_of(entry, classes, key)
            area = float(np.mean(entry["area"][:1] if see == "first" else entry["area"]))
            if area < least_area or area == 0:
                detail = f"{name} ('{label}') covers {area:.2%} of the picture."
                skipped[name] = UnusableImage("object too small", detail)
                continue
            load = partial(_load, reader, number, int(entry["id"]), label, group, see, others)
            records.append(ImageRecord(name, label, group, load))
    return MaskedImageSet(path, tuple(sorted(records, key=lambda record: record.key)), skipped)


def _class_of(entry: dict[str, Any], classes: str, key: str) -> str:
    if classes not in entry:
        raise ValueError(
            f"Object {entry['id']} of '{key}' has no '{classes}' that could be its class; its "
            f"table has {sorted(entry)}. Choose one of those."
        )
    return str(entry[classes])


def _load(
    reader: ShardReader,
    number: int,
    identity: int,
    label: str,
    group: str,
    see: str,
    others: Others,
) -> MaskedImage:
    frames_seen = slice(0, 1 if see == "first" else None)
    try:
        with reader.open(number) as stored:
            key = f"{stored.key}/{identity}"
            frames = np.ascontiguousarray(stored.frames()[frames_seen])
            labels = stored.labels()[frames_seen]
    except BadSample as error:
        raise UnusableImage("unreadable", str(error)) from error
    mask = labels == identity
    void = (labels > 0) & ~mask if others == "avoid" else np.zeros_like(mask)
    return MaskedImage(frames, mask, void, label, key, group)
