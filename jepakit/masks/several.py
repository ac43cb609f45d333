"""Several masks of each clip, such as V-JEPA 2's short-range and long-range mask."""

from __future__ import annotations

from collections.abc import Sequence

from jepakit.protocols import Masker, MaskInput, SampleMask, Seed
from jepakit.seeds import generator


class SeveralMasks:
    """Masks every clip once with each of ``maskers``, independently; no token list is cut.

    V-JEPA and V-JEPA 2 pass each clip through context encoder and predictor under two masks per
    step and average the losses; the target encoder runs once.

    Args:
        maskers: one per mask.
    """

    def __init__(self, maskers: Sequence[Masker]) -> None:
        if not maskers:
            raise ValueError("maskers must hold at least one masker, got none.")
        self.maskers = tuple(maskers)

    @property
    def views(self) -> int:
        """Masks per clip."""
        return len(self.maskers)

    @property
    def max_slots(self) -> int:
        """Most regions that a masked sample can have: every slot is below it."""
        return max(masker.max_slots for masker in self.maskers)

    def mask(self, samples: Sequence[MaskInput], seeds: Sequence[Seed]) -> list[SampleMask]:
        """One mask per masker and sample, with ``generator(*seed, view)`` for each."""
        return [
            masker(sample, generator(*seed, view))
            for view, masker in enumerate(self.maskers)
            for sample, seed in zip(samples, seeds, strict=True)
        ]
