"""Images and clips with the mask of one object; read when asked for, what is unusable counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt8

Reason = Literal[
    "no mask",
    "unreadable",
    "mask of another size",
    "object too small",
    "object outside of the crop",
    "object covers everything",
    "no room for background",
]
Others = Literal["avoid", "background"]  # whether masks of background keep off other objects
Rim = Literal["object", "void", "background"]  # what pixels of unknown label count as


class UnusableImage(ValueError):
    """An image that a study skips.

    Attributes:
        reason: why, in the words by which such images are counted.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True)
class MaskedImage:
    """An image (a clip of one frame) or a clip, and where one object is.

    Attributes:
        frames: RGB, 0..255.
        mask: pixels of the object.
        void: pixels that are neither the object nor background: of unknown label, or of other
            objects. Masks of background keep off them.
        label: name of the object's class.
        key: name of the item, unique in its set.
        group: items of one group (image, scene) are not independent.
    """

    frames: UInt8[np.ndarray, "t h w 3"]
    mask: Bool[np.ndarray, "_t _h _w"]
    void: Bool[np.ndarray, "_t _h _w"]
    label: str
    key: str
    group: str

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            UnusableImage: a mask is not as large as the image.
        """
        for name in ("mask", "void"):
            shape = getattr(self, name).shape
            if shape != self.frames.shape[:3]:
                raise UnusableImage(
                    "mask of another size",
                    f"{self.key}: {name} {shape}, frames {self.frames.shape[:3]} (t, h, w).",
                )

    @property
    def area(self) -> float:
        """Share of the pixels that are the object's."""
        return float(self.mask.mean())


@dataclass(frozen=True)
class ImageRecord:
    """An item that has not been read yet.

    Attributes:
        key: name of the item.
        label: name of its class.
        group: of the items that are not independent.
        load: reads it; raises UnusableImage.
    """

    key: str
    label: str
    group: str
    load: Callable[[], MaskedImage]


@dataclass(frozen=True)
class MaskedImageSet:
    """The items of a data set, and what was skipped while they were listed.

    Attributes:
        path: of the data set.
        records: the items.
        skipped: why images are no items, by name.
    """

    path: str
    records: tuple[ImageRecord, ...]
    skipped: Mapping[str, UnusableImage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse sets of which nothing is left.

        Raises:
            ValueError: no item, or two of the same name.
        """
        if not self.records:
            raise ValueError(
                f"No image of {self.path} can be used: {count_skipped(self.skipped)}. Such as: "
                f"{_first(self.skipped)}"
            )
        twice = [key for key, n in Counter(r.key for r in self.records).items() if n > 1]
        if twice:
            raise ValueError(f"{len(twice)} names in {self.path} occur twice, such as {twice[:3]}.")

    def __len__(self) -> int:
        """Number of items."""
        return len(self.records)

    @property
    def counts(self) -> dict[str, int]:
        """Items of each class, by name of the class."""
        return dict(sorted(Counter(record.label for record in self.records).items()))

    def readable(self, skipped: dict[str, UnusableImage]) -> Iterator[MaskedImage]:
        """All items in their order; those that cannot be read are noted in ``skipped``."""
        for record in self.records:
            try:
                yield record.load()
            except UnusableImage as error:
                skipped[record.key] = error


def count_skipped(skipped: Mapping[str, UnusableImage]) -> str:
    """How many images were skipped for which reason, such as ``3 skipped (3 no mask)``."""
    if not skipped:
        return "none skipped"
    reasons = Counter(error.reason for error in skipped.values()).most_common()
    return f"{len(skipped)} skipped ({', '.join(f'{n} {reason}' for reason, n in reasons)})"


def _first(skipped: Mapping[str, UnusableImage]) -> str:
    return str(next(iter(skipped.values()), "there is none."))
