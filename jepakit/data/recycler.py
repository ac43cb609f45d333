"""Memory for batches, used again once nothing refers to it."""

from __future__ import annotations

import sys

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

_MOST = 8


class Recycler:
    """Hands out arrays, and hands one out again once nothing else refers to it.

    Fresh memory costs a page fault for every 4 kB, which was measured to add up to two thirds to
    the time of decoding a clip of 16 frames. A tensor made by ``torch.from_numpy`` refers to its
    array as long as it or a view of it lives, so the count of references tells when memory is free.
    """

    def __init__(self) -> None:
        self._arrays: list[ndarray] = []

    def __reduce__(self) -> tuple[type[Recycler], tuple[()]]:
        """Memory does not travel to other processes."""
        return Recycler, ()

    def take(self, shape: tuple[int, ...]) -> UInt8[ndarray, ...]:
        """An array with arbitrary content."""
        for number in range(len(self._arrays)):
            # Two references: the one of the list and the argument of getrefcount.
            if self._arrays[number].shape == shape and sys.getrefcount(self._arrays[number]) == 2:
                return self._arrays[number]
        fresh = np.empty(shape, dtype=np.uint8)
        if len(self._arrays) < _MOST:
            self._arrays.append(fresh)
        return fresh
