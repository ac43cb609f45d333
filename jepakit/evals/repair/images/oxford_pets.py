"""Oxford-IIIT Pet: photographs of cats and dogs with trimaps, their breed the class."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from jepakit.evals.repair.images.mask_files import read_indices, read_photograph, same_size
from jepakit.evals.repair.images.masked_images import (
    ImageRecord,
    MaskedImage,
    MaskedImageSet,
    Rim,
    UnusableImage,
)

LAYOUT = """Expected the layout of Oxford-IIIT Pet
  {path}/images/Abyssinian_1.jpg
  {path}/annotations/trimaps/Abyssinian_1.png
  {path}/annotations/trainval.txt   with lines NAME CLASS SPECIES BREED
Get images.tar.gz and annotations.tar.gz from www.robots.ox.ac.uk/~vgg/data/pets and unpack both
there."""
PET, BACKGROUND, BORDER = 1, 2, 3  # of a trimap
SPECIES = {"1": "cat", "2": "dog"}


def open_oxford_pets(
    path: str,
    *,
    split: Literal["trainval", "test"] = "trainval",
    classes: Literal["breed", "species"] = "breed",
    border: Rim = "object",
) -> MaskedImageSet:
    """The pets of a split.

    Args:
        path: folder with ``images`` and ``annotations``.
        split: of the data set.
        classes: 37 breeds, or cats and dogs.
        border: what the rim between pet and background counts as; as ``object`` a token that the
            rim touches is never background.

    Raises:
        ValueError: another layout, a damaged list, or no image that can be used.
    """
    folder, layout = Path(path), LAYOUT.format(path=path.rstrip("/"))
    listing = folder / "annotations" / f"{split}.txt"
    needed = [listing, folder / "images", folder / "annotations" / "trimaps"]
    missing = [str(file.relative_to(folder)) for file in needed if not file.exists()]
    if missing:
        raise ValueError(f"{path} lacks {missing}. {layout}")
    records: list[ImageRecord] = []
    skipped: dict[str, UnusableImage] = {}
    for line in listing.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, label = _named(line, classes, listing, layout)
        trimap = folder / "annotations" / "trimaps" / f"{name}.png"
        if not trimap.is_file():
            skipped[name] = UnusableImage("no mask", f"there is no {trimap}.")
            continue
        files = (folder / "images" / f"{name}.jpg", trimap)
        records.append(ImageRecord(name, label, name, partial(_load, files, name, label, border)))
    return MaskedImageSet(path, tuple(sorted(records, key=lambda record: record.key)), skipped)


def _named(line: str, classes: str, listing: Path, layout: str) -> tuple[str, str]:
    """Name and class of a line such as ``Abyssinian_100 1 1 1``."""
    words = line.split()
    breed, _, number = words[0].rpartition("_")
    if len(words) != 4 or not breed or not number.isdigit() or words[2] not in SPECIES:
        raise ValueError(f"{listing} has a line {line!r}. {layout}")
    return words[0], breed if classes == "breed" else SPECIES[words[2]]


def _load(files: tuple[Path, Path], key: str, label: str, border: Rim) -> MaskedImage:
    photograph = read_photograph(files[0])
    trimap = same_size(read_indices(files[1]), photograph.shape[:2], str(files[1]))
    found = set(np.unique(trimap).tolist())
    if not found <= {PET, BACKGROUND, BORDER}:
        raise UnusableImage(
            "unreadable", f"{files[1]} has the values {sorted(found)[:8]}; a trimap has 1, 2, 3."
        )
    rim = trimap == BORDER
    mask = (trimap == PET) | (rim if border == "object" else False)
    void = rim & (border == "void")
    if not mask.any():
        raise UnusableImage("no mask", f"{files[1]} has no pixel of a pet.")
    return MaskedImage(photograph[None], mask[None], void[None], label, key, key)
