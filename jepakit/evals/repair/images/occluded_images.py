"""The images of a study with their two occlusions: the object, and as much background."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from jepakit.evals.repair.images.masked_images import MaskedImage, UnusableImage
from jepakit.evals.repair.images.occlusion import Grid, OcclusionPair, occlusion_pair
from jepakit.evals.repair.images.pixel_fill import Fill, occluded
from jepakit.interp.region_tokens import MAX_TOKENS, Background
from jepakit.seeds import derive_seed

OBJECT, BACKGROUND = "object", "background"
REGIONS = (OBJECT, BACKGROUND)


@dataclass(frozen=True)
class OcclusionRule:
    """What is hidden, and how.

    Attributes:
        how: arrangement of the background tokens.
        max_tokens: hidden in a tubelet at most.
        budget: share of them that is hidden.
        fill: what hidden pixels become.
        seed: of arrangement and noise, with the item's key.
    """

    how: Background = "compact"
    max_tokens: int = MAX_TOKENS
    budget: float = 1.0
    fill: Fill = "black"
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """Some images on the CPU: clean, and with each region hidden, by its name."""

    rows: slice
    clean: UInt8[Tensor, "b t h w 3"]
    occluded: Mapping[str, UInt8[Tensor, "b t h w 3"]]
    hidden: Mapping[str, Bool[Tensor, "b n"]]


@dataclass(frozen=True)
class OccludedImages:
    """Items with a pair of masks each.

    Attributes:
        items: as the encoder sees them.
        pairs: their masks.
        rule: by which these were made.
        skipped: why other items have none.
    """

    items: tuple[MaskedImage, ...]
    pairs: tuple[OcclusionPair, ...]
    rule: OcclusionRule
    skipped: Mapping[str, UnusableImage]

    @classmethod
    def make(cls, items: Sequence[MaskedImage], grid: Grid, rule: OcclusionRule) -> OccludedImages:
        """Masks for every item that has room for background.

        Raises:
            ValueError: none has, or frames that do not divide into such tokens.
        """
        kept, pairs = [], []
        skipped: dict[str, UnusableImage] = {}
        for item in items:
            rng = np.random.default_rng(derive_seed("occlusion", rule.seed, item.key))
            try:
                pair = occlusion_pair(
                    item,
                    grid,
                    max_tokens=rule.max_tokens,
                    budget=rule.budget,
                    how=rule.how,
                    rng=rng,
                )
            except UnusableImage as error:
                skipped[item.key] = error
                continue
            kept.append(item)
            pairs.append(pair)
        if not kept:
            first = next(iter(skipped.values()), "there are none.")
            raise ValueError(f"None of {len(items)} images can be used. Such as: {first}")
        return cls(tuple(kept), tuple(pairs), rule, skipped)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.items)

    @property
    def labels(self) -> np.ndarray:
        """Class of each image, by name."""
        return np.array([item.label for item in self.items])

    @property
    def counts(self) -> np.ndarray:
        """Hidden tokens of each image, the same for both regions."""
        return np.array([pair.count for pair in self.pairs])

    @property
    def tokens(self) -> int:
        """Tokens of an image."""
        return self.pairs[0].object.size

    def hidden(self, region: str, rows: slice = slice(None)) -> Bool[Tensor, "b n"]:
        """Hidden tokens of a region."""
        masks = [getattr(pair, region).ravel() for pair in self.pairs[rows]]
        return torch.from_numpy(np.stack(masks))

    def batches(self, size: int) -> Iterator[Batch]:
        """All images, ``size`` at a time and two at least: donors are other images of a batch."""
        starts = list(range(0, len(self), size))
        if len(starts) > 1 and len(self) - starts[-1] == 1:
            starts.pop()
        for start, end in zip(starts, [*starts[1:], len(self)], strict=True):
            rows = slice(start, end)
            frames = {region: self._occluded(region, rows) for region in REGIONS}
            clean = torch.from_numpy(np.stack([item.frames for item in self.items[rows]]))
            yield Batch(rows, clean, frames, {r: self.hidden(r, rows) for r in REGIONS})

    def _occluded(self, region: str, rows: slice) -> UInt8[Tensor, "b t h w 3"]:
        pictures = []
        for item, pair in zip(self.items[rows], self.pairs[rows], strict=True):
            rng = np.random.default_rng(derive_seed("fill", self.rule.seed, item.key, region))
            hidden = getattr(pair, region)
            pictures.append(occluded(item.frames, hidden, fill=self.rule.fill, rng=rng))
        return torch.from_numpy(np.stack(pictures))
