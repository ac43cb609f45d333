"""Writes small data sets with ready masks in the layouts of COCO panoptic, DAVIS, YouTube-VOS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 12, 16


def photograph(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Full of one grey, which a JPEG keeps to a shade."""
    return np.full((height, width, 3), 20 + 3 * number, np.uint8)


def write_photograph(path: Path, number: int, **size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photograph(number, **size)).save(path, quality=95)


def write_palette(path: Path, ids: np.ndarray, mode: str = "P") -> None:
    """Indices into a palette whose colours do not rise with the index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(ids.astype(np.uint16 if mode == "I;16" else np.uint8))
    if mode == "P":
        picture.putpalette([value * 37 % 256 for value in range(768)])
    picture.save(path)


def mask(number: int) -> np.ndarray:
    """Objects 1 and 2 in places that tell the frame."""
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    ids[1:5, number % 8 : number % 8 + 4] = 1
    ids[7:11, 2:9] = 2
    return ids


def write_davis(
    root: Path, sequences: dict[str, int], resolution: str = "480p", **lists: list[str]
) -> Path:
    """Sequences of so many frames; ``train=[...]`` and others list them by split."""
    for name, frames in sequences.items():
        for number in range(frames):
            write_photograph(root / f"JPEGImages/{resolution}/{name}/{number:05d}.jpg", number)
            write_palette(root / f"Annotations/{resolution}/{name}/{number:05d}.png", mask(number))
    folder = root / "ImageSets/2017"
    folder.mkdir(parents=True, exist_ok=True)
    for part, names in lists.items():
        (folder / f"{part}.txt").write_text("\n".join(names) + "\n")
    return root


def write_youtube_vos(root: Path, videos: list[str], numbers: range) -> Path:
    """All frames as in ``train_all_frames``, every fifth with a mask."""
    table = {}
    for name in videos:
        for number in numbers:
            write_photograph(root / f"train/JPEGImages/{name}/{number:05d}.jpg", number)
        for number in numbers[::5]:
            write_palette(root / f"train/Annotations/{name}/{number:05d}.png", mask(number))
        seen = [f"{number:05d}" for number in numbers[::5]]
        objects = {str(i): {"category": c, "frames": seen} for i, c in ((1, "ape"), (2, "sedan"))}
        table[name] = {"objects": objects}
    (root / "train/meta.json").write_text(json.dumps({"videos": table}))
    return root


SEGMENTS = {70_001: (1, 0, 24), 300: (1, 1, 12), 16_777_215: (2, 0, 40)}
"""Id to category, crowd and area: a person, persons, sky."""
CATEGORIES = [{"id": 1, "name": "person", "isthing": 1}, {"id": 2, "name": "sky", "isthing": 0}]


def segments() -> np.ndarray:
    """The ids of :data:`SEGMENTS` one after the other."""
    ids = np.zeros(HEIGHT * WIDTH, np.int64)
    start = 5
    for number, (_, _, area) in SEGMENTS.items():
        ids[start : start + area] = number
        start += area
    return ids.reshape(HEIGHT, WIDTH)


def panoptic_table(images: int = 2) -> dict[str, Any]:
    rows = [
        {"id": number, "category_id": category, "iscrowd": crowd, "area": area, "bbox": [0] * 4}
        for number, (category, crowd, area) in SEGMENTS.items()
    ]
    return {
        "licenses": [{"id": 4, "name": "Attribution License", "url": "http://by"}],
        "categories": CATEGORIES,
        "images": [
            {"id": 10 + i, "file_name": f"{i}.jpg", "height": HEIGHT, "width": WIDTH, "license": 4}
            for i in range(images)
        ],
        "annotations": [
            {"image_id": 10 + i, "file_name": f"{i}.png", "segments_info": rows}
            for i in range(images)
        ],
    }


def write_panoptic(root: Path, table: Any, name: str = "panoptic_val2017") -> Path:
    """As COCO packs it: annotations/NAME.json, annotations/NAME/, val2017/."""
    ids = segments()
    masks = root / "annotations" / name
    masks.mkdir(parents=True, exist_ok=True)
    for i in range(2):
        write_photograph(root / name.removeprefix("panoptic_") / f"{i}.jpg", i)
        colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1)
        Image.fromarray(colours.astype(np.uint8)).save(masks / f"{i}.png")
    masks.with_suffix(".json").write_text(table if isinstance(table, str) else json.dumps(table))
    return root
