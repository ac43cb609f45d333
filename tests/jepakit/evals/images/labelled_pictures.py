"""Small labelled pictures on disk, as class folders and as WebDataset archives."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("bird", "cat", "dog")


def picture(label: int, number: int) -> np.ndarray:
    """Noise around a brightness of its class."""
    rng = np.random.default_rng([label, number])
    return (60 + 60 * label + rng.integers(-20, 21, (36, 40, 3))).astype(np.uint8)


def as_folders(
    folder: Path, *, each: int = 8, first: int = 0, classes: tuple[str, ...] = CLASSES
) -> str:
    """``FOLDER/CLASS/NUMBER.png``."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(first, first + each):
            file = folder / name / f"{number:02d}.png"
            Image.fromarray(picture(label, number)).save(file)
    return str(folder)


def as_archives(folders: str, target: Path, *, archives: int = 2) -> str:
    """The same files in archives, each beside a ``cls`` with the name of its class."""
    target.mkdir(parents=True)
    files = sorted(Path(folders).rglob("*.png"))
    for part in range(archives):
        with tarfile.open(target / f"part-{part}.tar", "w") as tar:
            for file in files[part::archives]:
                name = file.relative_to(folders)
                tar.add(file, f"./{name}")
                add(tar, f"./{name.with_suffix('.cls')}", file.parent.name.encode())
    return str(target)


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """A member of an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
