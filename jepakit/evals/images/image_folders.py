"""From a folder of class folders, or of WebDataset archives, to labelled pictures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from torchvision.datasets import ImageFolder

from jepakit.evals.images.archives import read_archives
from jepakit.evals.images.image_set import ImageSet, Picture

LAYOUT = """Expected either one folder per class (torchvision's ImageFolder)
  {path}/cat/0001.jpg
  {path}/cat/0002.jpg
  {path}/dog/0001.png
or WebDataset archives whose samples have a picture and a class
  {path}/part-000000.tar   with members 0001.jpg 0001.cls 0002.png 0002.cls ..."""


def open_images(path: str) -> ImageSet:
    """The labelled pictures of a folder of class folders, or of a folder of ``.tar`` archives.

    Raises:
        ValueError: no such folder, nothing in it that has a class, or a name that is there twice;
            the message shows the layout that is expected.
    """
    folder = Path(path)
    layout = LAYOUT.format(path=path.rstrip("/"))
    if not folder.is_dir():
        raise ValueError(f"There is no folder {path}. {layout}")
    archives = sorted(folder.glob("*.tar"))
    pictures = read_archives(archives) if archives else _class_folders(folder, layout)
    twice = [name for name, n in Counter(p.name for p in pictures).items() if n > 1]
    if twice:
        raise ValueError(
            f"{len(twice)} names of pictures in {path} are there more than once, such as "
            f"{twice[:3]}; give every sample a key of its own."
        )
    return ImageSet(path, tuple(sorted(pictures)))


def _class_folders(folder: Path, layout: str) -> list[Picture]:
    try:
        found = ImageFolder(str(folder))
    except FileNotFoundError as error:
        raise ValueError(
            f"No classes of pictures in {folder}: {str(error).rstrip('.')}. {layout}"
        ) from error
    return [
        Picture(Path(file).relative_to(folder).as_posix(), found.classes[label], file)
        for file, label in found.samples
    ]
