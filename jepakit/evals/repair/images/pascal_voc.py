"""Pascal VOC 2012: the class that covers most of a photograph, segmented by class."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from jepakit.evals.repair.images.mask_files import (
    read_indices,
    read_photograph,
    same_size,
    touching,
)
from jepakit.evals.repair.images.masked_images import (
    ImageRecord,
    MaskedImage,
    MaskedImageSet,
    Others,
    Rim,
    UnusableImage,
)

LAYOUT = """Expected the layout of Pascal VOC
  {path}/JPEGImages/2007_000032.jpg
  {path}/SegmentationClass/2007_000032.png
  {path}/ImageSets/Segmentation/{split}.txt   with a name per line
here or in VOCdevkit/VOC2012 below. Get VOCtrainval_11-May-2012.tar from
host.robots.ox.ac.uk/pascal/VOC/voc2012 and unpack it."""
CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)  # of the values 1..20
VOID = 255


def open_pascal_voc(
    path: str,
    *,
    split: Literal["train", "val", "trainval"] = "trainval",
    least_area: float = 0.02,
    void: Rim = "object",
    others: Others = "avoid",
) -> MaskedImageSet:
    """The photographs of a split; the object is all that is of the class with the most pixels.

    Every mask is read once to find that class.

    Args:
        path: folder of VOC2012, or one above it.
        split: of the segmentation task.
        least_area: share of the picture that the object must have.
        void: what unlabelled pixels count as: as ``object`` those that lie next to it are its,
            the rest is void.
        others: ``avoid`` keeps masks of background off objects of other classes.

    Raises:
        ValueError: another layout, or no image that can be used.
    """
    folder = _found(Path(path), split)
    records: list[ImageRecord] = []
    skipped: dict[str, UnusableImage] = {}
    for name in (folder / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split():
        files = (
            folder / "JPEGImages" / f"{name}.jpg",
            folder / "SegmentationClass" / f"{name}.png",
        )
        try:
            number = _dominant(read_indices(files[1]), files[1], least_area)
        except UnusableImage as error:
            skipped[name] = error
            continue
        load = partial(_load, files, name, number, void, others)
        records.append(ImageRecord(name, CLASSES[number - 1], name, load))
    return MaskedImageSet(path, tuple(sorted(records, key=lambda record: record.key)), skipped)


def _found(path: Path, split: str) -> Path:
    needed = ("JPEGImages", "SegmentationClass", f"ImageSets/Segmentation/{split}.txt")
    folders = [path, path / "VOC2012", path / "VOCdevkit" / "VOC2012"]
    for folder in folders:
        if all((folder / part).exists() for part in needed):
            return folder
    missing = [part for part in needed if not (path / part).exists()]
    layout = LAYOUT.format(path=str(path).rstrip("/"), split=split)
    raise ValueError(f"{path} lacks {missing}. {layout}")


def _dominant(labels: UInt8[np.ndarray, "h w"], file: Path, least_area: float) -> int:
    """The class with the most pixels."""
    counts = np.bincount(labels.ravel(), minlength=VOID + 1)
    unknown = np.flatnonzero(counts[len(CLASSES) + 1 : VOID]) + len(CLASSES) + 1
    if len(unknown):
        raise UnusableImage(
            "unreadable", f"{file} has the values {unknown[:8].tolist()}; VOC has 0..20 and 255."
        )
    number = 1 + int(counts[1 : len(CLASSES) + 1].argmax())
    if not counts[number]:
        raise UnusableImage("no mask", f"{file} has background and void only.")
    if counts[number] < least_area * labels.size:
        raise UnusableImage(
            "object too small", f"{file}: '{CLASSES[number - 1]}' has {counts[number]} pixels."
        )
    return number


def _load(
    files: tuple[Path, Path], key: str, number: int, void: Rim, others: Others
) -> MaskedImage:
    photograph = read_photograph(files[0])
    labels = same_size(read_indices(files[1]), photograph.shape[:2], str(files[1]))
    mask, unknown = labels == number, labels == VOID
    if void == "object":
        mask |= touching(unknown, mask)
    kept_off = unknown & ~mask if void != "background" else np.zeros_like(mask)
    if others == "avoid":
        kept_off |= (labels > 0) & (labels != VOID) & ~mask
    return MaskedImage(photograph[None], mask[None], kept_off[None], CLASSES[number - 1], key, key)
