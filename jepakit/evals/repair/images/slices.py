"""Balanced slices, so many classes with so many images each, that share no image.

Draws depend on the seed and on names only: more images in a folder, or another order of them,
change no more than they must.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from jepakit.evals.repair.images.fitting import Fit
from jepakit.evals.repair.images.masked_images import (
    ImageRecord,
    MaskedImage,
    MaskedImageSet,
    UnusableImage,
    count_skipped,
)
from jepakit.evals.repair.images.occlusion import Grid, token_layers
from jepakit.seeds import derive_seed


class SliceSize(NamedTuple):
    """Classes, and images of each."""

    classes: int
    images: int

    @classmethod
    def parse(cls, text: str) -> SliceSize:
        """From ``8x3``.

        Raises:
            ValueError: not two whole numbers of at least 1.
        """
        classes, _, images = text.partition("x")
        if not (classes.isdecimal() and images.isdecimal() and int(classes) and int(images)):
            raise ValueError(f"A slice is CLASSESxIMAGES, such as 8x3; got '{text}'.")
        return cls(int(classes), int(images))

    def __str__(self) -> str:
        """Such as ``8x3``."""
        return f"{self.classes}x{self.images}"


@dataclass(frozen=True)
class ImageSlice:
    """Items as the encoder sees them.

    Attributes:
        name: such as ``8x3``.
        items: by class, in the order of the draw.
    """

    name: str
    items: tuple[MaskedImage, ...]

    @property
    def groups(self) -> frozenset[str]:
        """Images or scenes that items come from."""
        return frozenset(item.group for item in self.items)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes in the order of the draw."""
        return tuple(dict.fromkeys(item.label for item in self.items))


@dataclass(frozen=True)
class DrawnSlices:
    """Slices and what was passed over.

    Attributes:
        slices: in the order asked for; no two share a group.
        skipped: why items were not taken, those of the listing included.
    """

    slices: tuple[ImageSlice, ...]
    skipped: Mapping[str, UnusableImage]


def draw_slices(
    images: MaskedImageSet,
    sizes: Sequence[SliceSize],
    *,
    fit: Fit,
    grid: Grid,
    classes: Sequence[str] | None = None,
    seed: int = 0,
) -> DrawnSlices:
    """Balanced slices that share no image; unusable items are replaced by the next of their class.

    Classes stand in one seeded order, of which a slice takes the first that have enough images, so
    smaller slices have the classes of larger ones.

    Args:
        images: the data set.
        sizes: of the slices.
        fit: what the encoder sees.
        grid: tubelets, rows and columns of its tokens.
        classes: to draw from, in this order; by default all of them in a seeded one.
        seed: of the draws.

    Raises:
        ValueError: no slices, unknown classes, or fewer images than a slice needs.
    """
    if not sizes:
        raise ValueError("At least one slice is needed, such as 4x3.")
    unknown = sorted(set(classes or ()) - set(images.counts))
    if unknown:
        raise ValueError(
            f"{images.path} has no class {unknown}; it has {list(images.counts)[:40]}."
        )
    order = classes or sorted(images.counts, key=lambda name: derive_seed("class", seed, name))
    draw = _Draw(_queues(images.records, seed), fit, grid, dict(images.skipped))
    slices = []
    for size in sizes:
        items = draw.take(size, order, chosen=classes is not None, path=images.path)
        slices.append(ImageSlice(str(size), items))
    return DrawnSlices(tuple(slices), draw.skipped)


def every_item(images: MaskedImageSet, *, fit: Fit, grid: Grid) -> DrawnSlices:
    """All usable items of a data set as one slice.

    Raises:
        ValueError: none is left.
    """
    skipped = dict(images.skipped)
    items = [x for r in images.records if (x := _usable(r, fit, grid, skipped)) is not None]
    if not items:
        raise ValueError(f"No image of {images.path} can be used: {count_skipped(skipped)}.")
    return DrawnSlices((ImageSlice("all", tuple(items)),), skipped)


@dataclass
class _Draw:
    """Items already drawn belong to a slice; no later slice gets others of their groups."""

    queues: dict[str, list[ImageRecord]]
    fit: Fit
    grid: Grid
    skipped: dict[str, UnusableImage]
    used: set[str] = field(default_factory=set)
    ready: dict[str, MaskedImage] = field(default_factory=dict)

    def take(
        self, size: SliceSize, order: Sequence[str], *, chosen: bool, path: str
    ) -> tuple[MaskedImage, ...]:
        """A slice of the first classes that have enough; all of them must, where they are chosen.

        Raises:
            ValueError: too few classes with enough images.
        """
        items: list[MaskedImage] = []
        short: dict[str, int] = {}
        for name in order[: size.classes] if chosen else order:
            found = self._of_class(name, size.images)
            if len(found) < size.images:
                short[name] = len(found)
                continue
            items += found
            if len(items) == size.classes * size.images:
                self.used |= {item.group for item in items}
                return tuple(items)
        listed = ", ".join(f"'{name}' ({n})" for name, n in list(short.items())[:8])
        raise ValueError(
            f"A slice {size} needs {size.classes} classes with {size.images} usable images each "
            f"that no other slice has, but {path} has {len(items) // size.images}"
            f"{f'; fewer have {listed}' if short else ''}; {count_skipped(self.skipped)}. Ask for "
            "smaller or fewer slices, or lower the least area of objects."
        )

    def _of_class(self, name: str, wanted: int) -> list[MaskedImage]:
        found: list[MaskedImage] = []
        for record in self.queues[name]:
            if len(found) == wanted:
                break
            if record.group in self.used or record.key in self.skipped:
                continue
            if record.key not in self.ready:
                item = _usable(record, self.fit, self.grid, self.skipped)
                if item is None:
                    continue
                self.ready[record.key] = item
            found.append(self.ready[record.key])
        return found


def _usable(
    record: ImageRecord, fit: Fit, grid: Grid, skipped: dict[str, UnusableImage]
) -> MaskedImage | None:
    """The item as the encoder sees it, or None and the reason in ``skipped``."""
    try:
        item = fit(record.load())
        blocked = token_layers(item, grid)[1].any(axis=0)
        if blocked.all():
            raise UnusableImage(
                "object covers everything",
                f"{item.key}: '{item.label}' and void leave no token of background.",
            )
    except UnusableImage as error:
        skipped[record.key] = error
        return None
    return item


def _queues(records: Sequence[ImageRecord], seed: int) -> dict[str, list[ImageRecord]]:
    """Every class in its order: first one item of each image, then the second ones, and so on."""
    queues: dict[str, list[ImageRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda record: derive_seed("image", seed, record.key)):
        queues[record.label].append(record)
    for name, queue in queues.items():
        seen: dict[str, int] = defaultdict(int)
        turns = []
        for record in queue:
            turns.append(seen[record.group])
            seen[record.group] += 1
        queues[name] = [queue[i] for i in sorted(range(len(queue)), key=turns.__getitem__)]
    return dict(queues)
