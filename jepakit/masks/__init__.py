"""Maskers: what is hidden from the context encoder. One interface, one file per strategy."""

from jepakit.masks.batching import draw_masks, mask_batch
from jepakit.masks.multiblock import MultiblockMasker
from jepakit.masks.objects import ObjectMasker
from jepakit.masks.released_multiblock import ReleasedMultiblock
from jepakit.masks.released_tubes import ReleasedTubes
from jepakit.masks.several import SeveralMasks
from jepakit.masks.slots import SlotAssignment, SlotAttention
from jepakit.masks.spacetime import SpacetimeBlocks
from jepakit.masks.superpixels import SuperpixelMasker
from jepakit.masks.tubes import TubeMasker, Tubes

__all__ = [
    "MultiblockMasker",
    "ObjectMasker",
    "ReleasedMultiblock",
    "ReleasedTubes",
    "SeveralMasks",
    "SlotAssignment",
    "SlotAttention",
    "SpacetimeBlocks",
    "SuperpixelMasker",
    "TubeMasker",
    "Tubes",
    "draw_masks",
    "mask_batch",
]
