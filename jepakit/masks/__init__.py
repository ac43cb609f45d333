"""Maskers: what is hidden from the context encoder. One interface, one file per strategy."""

from jepakit.masks.batching import mask_batch
from jepakit.masks.multiblock import MultiblockMasker
from jepakit.masks.objects import ObjectMasker
from jepakit.masks.slots import SlotAssignment, SlotAttention
from jepakit.masks.superpixels import SuperpixelMasker
from jepakit.masks.tubes import TubeMasker

__all__ = [
    "MultiblockMasker",
    "ObjectMasker",
    "SlotAssignment",
    "SlotAttention",
    "SuperpixelMasker",
    "TubeMasker",
    "mask_batch",
]
