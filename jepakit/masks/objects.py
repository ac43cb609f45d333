"""Object masking: whole objects are removed from the context."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from jepakit.masks.multiblock import MultiblockMasker
from jepakit.masks.visibility import check_min_context, needed_tokens
from jepakit.protocols import Masker, MaskInput, SampleMask


class ObjectMasker:
    """Hides 1 to ``max_objects`` objects that are neither tiny nor nearly everything.

    A token belongs to an object that covers any of its pixels; an object's area is its share of the
    tokens of the whole clip. ``M ~ Uniform{1..max_objects}`` eligible objects are drawn without
    replacement, as many as there are. While fewer than ``min_context`` of the tokens stay visible,
    the largest chosen object is given up. Without any object left the ``fallback`` masks the
    sample, which then says so. Slots are numbered in the random order of the draw; where chosen
    objects share a token, it goes to the one that covers more of it.

    Causal-JEPA, Algorithm 2. Differs: the guard on the context. A ``forced`` object is hidden
    whatever its area, and alone: its counterfactual lacks that object and no other. One that covers
    no token, or that would break the guard, cannot be hidden, and ``objects`` then lacks it.

    Args:
        max_objects: most objects hidden in one sample.
        area: least and greatest share of the tokens of an eligible object.
        min_context: least share of tokens that stays visible.
        fallback: masks samples without an eligible object; None is I-JEPA multi-block.
    """

    def __init__(
        self,
        max_objects: int = 3,
        *,
        area: tuple[float, float] = (0.05, 0.40),
        min_context: float = 0.10,
        fallback: Masker | None = None,
    ) -> None:
        if max_objects < 1:
            raise ValueError(f"max_objects must be at least 1, got {max_objects}.")
        if not 0 <= area[0] <= area[1] <= 1:
            raise ValueError(f"area must rise within [0, 1], got {area}.")
        check_min_context(min_context)
        if 1 - area[0] < min_context:
            raise ValueError(
                f"An object of area {area[0]} or more always leaves less than "
                f"min_context={min_context} visible: lower one of them."
            )
        self.max_objects = max_objects
        self.area = area
        self.min_context = min_context
        self.fallback = fallback or MultiblockMasker(min_context=min_context)

    @property
    def max_slots(self) -> int:
        """Most regions that a sample can have: every slot is below it."""
        return max(self.max_objects, self.fallback.max_slots)

    def __call__(self, sample: MaskInput, generator: torch.Generator) -> SampleMask:
        """Mask one sample.

        Raises:
            ValueError: ``sample.forced`` is no object of the sample.
        """
        coverage = sample.coverage.flatten(1).numpy()
        objects, tokens = coverage.shape
        if not 0 <= sample.forced <= objects:
            raise ValueError(
                f"The forced object is {sample.forced}, but coverage holds {objects} objects."
            )
        needed = needed_tokens(tokens, self.min_context)
        touched = coverage > 0
        sizes: list[int] = np.count_nonzero(touched, axis=1).tolist()
        chosen = self._choose(sizes, tokens, sample.forced, generator)
        chosen = _guard(chosen, touched, sizes, needed)
        if not chosen:
            return dataclasses.replace(self.fallback(sample, generator), objects=(), fallback=True)
        hidden = touched[chosen].any(axis=0)
        slots = np.where(hidden, coverage[chosen].argmax(axis=0), -1)
        return SampleMask(
            context=torch.from_numpy((~hidden).astype(np.int64)),
            slots=torch.from_numpy(slots),
            objects=tuple(row + 1 for row in chosen),
        )

    def _choose(
        self, sizes: list[int], tokens: int, forced: int, generator: torch.Generator
    ) -> list[int]:
        """Rows of the objects to hide, in random order."""
        if forced and sizes[forced - 1] > 0:
            return [forced - 1]
        low, high = self.area
        eligible = [
            row for row, size in enumerate(sizes) if size > 0 and low <= size / tokens <= high
        ]
        count = int(torch.randint(1, self.max_objects + 1, (), generator=generator))
        order = torch.randperm(len(eligible), generator=generator).tolist()
        return [eligible[place] for place in order[:count]]


def _guard(
    chosen: list[int], touched: NDArray[np.bool_], sizes: list[int], needed: int
) -> list[int]:
    """Give up chosen objects, largest first, until ``needed`` tokens stay visible."""
    while chosen:
        hidden = np.count_nonzero(touched[chosen].any(axis=0))
        if touched.shape[1] - hidden >= needed:
            break
        largest = max(chosen, key=lambda row: sizes[row])
        chosen = [row for row in chosen if row != largest]
    return chosen
