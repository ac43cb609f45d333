"""The source's own masks as a label map: any ids become 1, 2, ..., the largest object first."""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer
from numpy import ndarray

from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.segmenter import Segmentation
from jepakit.data.schema import MAX_OBJECTS


def given(
    truth: Integer[ndarray, "t h w"], objects: ObjectFilter
) -> tuple[Segmentation, tuple[int, ...]]:
    """Label map of the objects that the filter keeps, and the id that each had in ``truth``.

    Score 1 for all. Objects of equal size are ordered by their id.
    """
    ids, places, pixels = np.unique(truth, return_inverse=True, return_counts=True)
    largest = np.lexsort((ids, -pixels))
    largest = largest[ids[largest] != 0]
    kept, left = largest[:MAX_OBJECTS], len(largest) - MAX_OBJECTS
    numbers = np.zeros(len(ids), np.uint8)
    numbers[kept] = np.arange(1, len(kept) + 1)
    dropped = {"top": left} if left > 0 else {}
    every = Segmentation(numbers[places.reshape(truth.shape)], (1.0,) * len(kept), dropped)
    chosen = objects.select_labels(every)
    # Each object's first pixel tells which one it was.
    flat, where = np.unique(chosen.labels, return_index=True)
    sources = truth.ravel()[where[flat > 0]]
    return chosen, tuple(int(source) for source in sources)
