"""Pictures read, resized and cropped to the size of a run; damaged ones are counted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from jepakit.data.faults import FaultLedger
from jepakit.data.schema import BadSample
from jepakit.data.video import Augmentation
from jepakit.data.video.still_image import decode_picture
from jepakit.evals.images.image_set import ImageSet

REMEDY = "Replace the files"


@dataclass(frozen=True)
class FrameBatch:
    """Some pictures of a set.

    Attributes:
        rows: their places in the set.
        frames: RGB, 0..255.
        faults: pictures that could not be read, by name, and why.
    """

    rows: tuple[int, ...]
    frames: UInt8[Tensor, "b h w 3"]
    faults: dict[str, str]


class ImageFrames(Dataset[tuple[int, Tensor | str]]):
    """The centre of every picture at one size, or the reason why it cannot be read.

    The shorter side is resized and the middle cut out, as one resize of the window that ends up in
    the crop; bilinear with antialiasing.
    """

    def __init__(self, images: ImageSet, size: tuple[int, int], *, crop: float = 0.875) -> None:
        """Set the window.

        Args:
            images: the pictures.
            size: rows and columns wanted.
            crop: share of the largest centred window that is seen; 0.875 is 224 of 256 pixels.

        Raises:
            ValueError: a share outside of (0, 1].
        """
        self.images, self.size = images, size
        self._window = Augmentation(centre=crop)

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[int, Tensor | str]:
        """The row with its frame, uint8 ``(h, w, 3)``, or with the reason."""
        picture = self.images.pictures[row]
        name = f"{picture.file}: {picture.name}" if picture.length is not None else picture.file
        try:
            frame = decode_picture(io.BytesIO(picture.read()), name)
        except (BadSample, OSError) as error:
            return row, str(error)
        return row, self._window.middle(frame.shape[:2], self.size).resized(frame, self.size)


def frame_batches(
    images: ImageFrames, *, batch_size: int, workers: int = 0, budget: float = 0.01
) -> Iterator[FrameBatch]:
    """All readable pictures in their order.

    Args:
        images: the pictures.
        batch_size: pictures at a time; fewer where some are damaged.
        workers: decoding processes; 0 decodes in this one.
        budget: share of the pictures that may be damaged.

    Raises:
        ValueError: more damaged pictures than that; the message lists them.
    """
    ledger = FaultLedger(len(images), budget, remedy=REMEDY)
    loader = DataLoader(images, batch_size, num_workers=workers, collate_fn=list)
    for items in loader:
        faults = {images.images.pictures[row].name: x for row, x in items if isinstance(x, str)}
        ledger.add(faults)
        good = [(row, frame) for row, frame in items if not isinstance(frame, str)]
        shape = (0, *images.size, 3)
        frames = [frame for _, frame in good]
        yield FrameBatch(
            rows=tuple(row for row, _ in good),
            frames=torch.stack(frames) if frames else torch.empty(shape, dtype=torch.uint8),
            faults=faults,
        )
