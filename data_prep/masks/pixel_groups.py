"""Groups of pixels, and of groups, that links connect."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Integer
from numpy import ndarray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def pixel_groups(
    right: Bool[ndarray, "h v"], down: Bool[ndarray, "g w"]
) -> Integer[ndarray, "h w"]:
    """Number every pixel by its group, from 0.

    Args:
        right: (h, w - 1), whether a pixel is linked to the one on its right.
        down: (h - 1, w), likewise to the one below.
    """
    height, width = len(right), down.shape[1]
    pixels = np.arange(height * width, dtype=np.int32).reshape(height, width)
    first = np.concatenate([pixels[:, :-1][right], pixels[:-1][down]])
    second = np.concatenate([pixels[:, 1:][right], pixels[1:][down]])
    return joined(first, second, height * width).reshape(height, width)


def joined(
    first: Integer[ndarray, " e"], second: Integer[ndarray, " e"], count: int
) -> Integer[ndarray, " n"]:
    """Number ``count`` things by their group, where ``first[i]`` is linked to ``second[i]``."""
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    return connected_components(graph, directed=False)[1]
