"""DAVIS and YouTube-VOS: photographs, and palette pictures whose index is the number of an object.

DAVIS: ``JPEGImages/480p/SEQUENCE/00000.jpg`` and ``Annotations/480p/SEQUENCE/00000.png`` (or below
``Annotations_unsupervised``), all frames of 24 a second; ``ImageSets/2017/train.txt``, ``val.txt``
list the sequences of the splits. ``480p`` is read where it is there, else ``Full-Resolution``; give
``ROOT/JPEGImages/Full-Resolution`` to choose. Index 255 is void. Licence: the user's to state.

YouTube-VOS: ``train/JPEGImages/VIDEO/00000.jpg``, ``train/Annotations/VIDEO/00000.png`` for every
fifth of 30 frames a second, and ``train/meta.json`` with the classes of objects. Frames without a
mask are passed over; ``valid`` and ``test`` too, where only the first sight of an object has one.
Licence: annotations CC-BY-4.0, videos for non-commercial research.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.footage import Reader, Source
from data_prep.sources.damaged import Damaged
from data_prep.sources.json_records import field_of, read_json
from data_prep.sources.palette_video import PaletteVideo

DAVIS_RATE = 24.0  # Hz; Perazzi et al. 2016
YOUTUBE_VOS_RATE = 30.0  # Hz, of frame numbers; Xu et al. 2018
_RESOLUTIONS = ("480p", "Full-Resolution")
_ANNOTATIONS = ("Annotations", "Annotations_unsupervised")
_LISTS = {"train": "train", "val": "val", "test-dev": "test", "test-challenge": "test"}


def find_davis(path: Path) -> list[Reader]:
    """All sequences of DAVIS in one resolution.

    Raises:
        ValueError: not that layout.
    """
    photographs = _resolution(path)
    root = photographs.parents[1]
    folders = [root / name / photographs.name for name in _ANNOTATIONS]
    masks = next((folder for folder in folders if folder.is_dir()), folders[0])
    parts = _davis_splits(root / "ImageSets")
    return [
        PaletteVideo(name, photographs / name, masks / name, DAVIS_RATE, parts.get(name))
        for name in _videos(photographs, masks)
    ]


def find_youtube_vos(path: Path) -> list[Reader]:
    """All training videos of YouTube-VOS, which leave the split to the user.

    Raises:
        ValueError: not that layout.
    """
    folder = path / "train" if (path / "train").is_dir() else path
    photographs, masks, table = (folder / n for n in ("JPEGImages", "Annotations", "meta.json"))
    if not (photographs.is_dir() and masks.is_dir() and table.is_file()):
        raise ValueError(f"{folder}: JPEGImages, Annotations and meta.json expected.")
    names = _videos(photographs, masks)
    try:
        videos = field_of(read_json(table), "videos", dict, str(table))
    except ValueError as error:
        return [Damaged(name, str(error)) for name in names]
    return [_youtube_video(name, photographs, masks, videos, str(table)) for name in names]


def _youtube_video(
    name: str, photographs: Path, masks: Path, videos: Mapping[str, Any], where: str
) -> Reader:
    try:
        entry = field_of(videos, name, dict, where)
        objects = _classes(entry, f"{where}, video {name}")
    except ValueError as error:
        return Damaged(name, str(error))
    folders = photographs / name, masks / name
    return PaletteVideo(name, *folders, YOUTUBE_VOS_RATE, objects=objects, sparse=True)


def _classes(video: Mapping[str, Any], where: str) -> dict[int, dict[str, str]]:
    objects = field_of(video, "objects", dict, where)
    wrong = [number for number in objects if not number.isdecimal()]
    if wrong:
        raise ValueError(f"{where}: ids of objects should be numbers, came {wrong[:8]}.")
    return {int(n): {"kind": field_of(o, "category", str, where)} for n, o in objects.items()}


def _resolution(path: Path) -> Path:
    """The folder of photographs that is read."""
    if path.parent.name == "JPEGImages" and path.is_dir():
        return path
    for name in _RESOLUTIONS:
        if (path / "JPEGImages" / name).is_dir():
            return path / "JPEGImages" / name
    raise ValueError(f"{path}: a folder JPEGImages/480p or JPEGImages/Full-Resolution expected.")


def _davis_splits(lists: Path) -> dict[str, str]:
    """Split by sequence, from the lists of 2017, or of 2016 where those are not there."""
    folder = next((lists / year for year in ("2017", "2016") if (lists / year).is_dir()), lists)
    parts: dict[str, str] = {}
    for name, part in _LISTS.items():
        path = folder / f"{name}.txt"
        if path.is_file():
            parts |= dict.fromkeys(path.read_text(encoding="utf-8").split(), part)
    return parts


def _videos(*folders: Path) -> list[str]:
    """Names of sub-folders of any of the folders; what only one has is found damaged later."""
    names = {path.name for folder in folders for path in folder.glob("[!.]*") if path.is_dir()}
    if not names:
        raise ValueError(f"No folder of a video in {folders[0]}.")
    return sorted(names)


DAVIS = Source(
    find=find_davis,
    licence=None,
    summary="DAVIS: JPEGImages, Annotations and ImageSets, with its own masks",
    has_masks=True,
)
YOUTUBE_VOS = Source(
    find=find_youtube_vos,
    licence="annotations CC-BY-4.0; videos for non-commercial research only",
    summary="YouTube-VOS: train/JPEGImages, Annotations and meta.json, with its own masks",
    has_masks=True,
)
