"""Items and tiny data sets in the documented layouts of COCO panoptic, Oxford-IIIT Pet and VOC."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from jepakit.evals.repair.images.masked_images import ImageRecord, MaskedImage, MaskedImageSet

BOX = (slice(10, 20), slice(20, 40))  # of the object in every picture: 200 of 48 x 64 pixels
SHAPE = (48, 64)


def masked(
    mask: np.ndarray, *, label: str = "cat", key: str = "a", group: str = "", void: object = None
) -> MaskedImage:
    """Noise with a mask, of one frame where the mask is two-dimensional."""
    mask = mask[None] if mask.ndim == 2 else mask
    frames = np.random.default_rng(len(key)).integers(1, 256, (*mask.shape, 3), dtype=np.uint8)
    hollow = np.zeros_like(mask) if void is None else np.asarray(void).reshape(mask.shape)
    return MaskedImage(frames, mask, hollow, label, key, group or key)


def box_mask(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[BOX] = True
    return mask


def image_set(
    counts: dict[str, int], *, per_group: int = 1, damaged: tuple[str, ...] = ()
) -> MaskedImageSet:
    """So many items of each class, ``per_group`` items of a class from one image."""
    records = []
    for label, count in counts.items():
        for number in range(count):
            key, group = f"{label}-{number}", f"{label}-image-{number // per_group}"
            mask = np.ones(SHAPE, bool) if key in damaged else box_mask()
            item = masked(mask, label=label, key=key, group=group)
            records.append(ImageRecord(key, label, group, partial(lambda item: item, item)))
    return MaskedImageSet("memory", tuple(records))


def save_photograph(path: Path, shape: tuple[int, int] = SHAPE, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def save_indices(path: Path, values: np.ndarray, *, palette: bool = True) -> None:
    """With a palette whose colours are not the indices."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(values.astype(np.uint8))
    if palette:
        picture.putpalette([value * 37 % 256 for value in range(768)])
    picture.save(path)


def trimap(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """2 background, 1 pet in the box, 3 a rim of one pixel around it."""
    values = np.full(shape, 2, np.uint8)
    values[9:21, 19:41] = 3
    values[BOX] = 1
    return values


def pets(root: Path, names: tuple[str, ...], *, split: str = "trainval") -> Path:
    """Photographs, trimaps and the list; names that start with a capital are cats."""
    lines = ["#Image CLASS-ID SPECIES BREED ID"]
    for number, name in enumerate(names):
        save_photograph(root / "images" / f"{name}.jpg", seed=number)
        save_indices(root / "annotations/trimaps" / f"{name}.png", trimap(), palette=False)
        lines.append(f"{name} 1 {1 if name[0].isupper() else 2} 1")
    (root / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


def voc(root: Path, labels: dict[str, np.ndarray]) -> Path:
    """VOCdevkit/VOC2012 with these label maps."""
    folder = root / "VOCdevkit/VOC2012"
    for name, values in labels.items():
        save_photograph(folder / "JPEGImages" / f"{name}.jpg", values.shape)
        save_indices(folder / "SegmentationClass" / f"{name}.png", values)
    lists = folder / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "trainval.txt").write_text("\n".join(labels) + "\n")
    return root


CATEGORIES = [
    {"id": 1, "name": "person", "isthing": 1},
    {"id": 17, "name": "cat", "isthing": 1},
    {"id": 184, "name": "tree", "isthing": 0},
]
# id, category, crowd, rows and columns
SEGMENTS = [
    (300, 17, 0, BOX),
    (70_000, 1, 0, (slice(30, 40), slice(0, 10))),
    (5, 1, 0, (slice(0, 2), slice(0, 2))),
    (6, 1, 1, (slice(30, 40), slice(20, 30))),
    (900, 184, 0, (slice(0, 8), slice(8, 64))),
]


def coco(root: Path, names: tuple[str, ...]) -> Path:
    """Official layout: every image has SEGMENTS, all else is unlabelled."""
    images, annotations = [], []
    for number, name in enumerate(names):
        save_photograph(root / "val2017" / f"{name}.jpg", seed=number)
        ids = np.zeros(SHAPE, np.int64)
        rows = []
        for identity, _, _, place in SEGMENTS:
            ids[place] = identity
        for identity, category, crowd, _ in SEGMENTS:
            area = int((ids == identity).sum())
            row = {"id": identity, "category_id": category, "iscrowd": crowd, "area": area}
            rows.append(row)
        colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1)
        file = root / "annotations/panoptic_val2017" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(colours.astype(np.uint8)).save(file)
        images.append({"id": number, "file_name": f"{name}.jpg", "height": 48, "width": 64})
        annotations.append({"image_id": number, "file_name": f"{name}.png", "segments_info": rows})
    table = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    (root / "annotations/panoptic_val2017.json").write_text(json.dumps(table))
    return root
