"""Masks as COCO's run lengths: down the columns, background first.

Counts are whole numbers, or the text that pycocotools makes of them: from the third on the
difference to the count two before, then six bits a character from ``0`` on, of which five carry
the number, lowest first, and the sixth says that another character follows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

MOST_PIXELS = 1 << 26  # of a mask: a damaged size must not fill the memory


def decode_runs(counts: str | Sequence[int], height: int, width: int) -> Bool[ndarray, "h w"]:
    """The mask.

    Raises:
        ValueError: counts that do not add up to the size, or no such text.
    """
    if min(height, width) < 1 or height * width > MOST_PIXELS:
        raise ValueError(f"A mask of {height}x{width} pixels is not read.")
    runs = _runs(counts) if isinstance(counts, str) else list(counts)
    if any(type(run) is not int or run < 0 for run in runs) or sum(runs) != height * width:
        raise ValueError(f"Run lengths {runs[:5]}... do not make a mask of {height}x{width}.")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


def _runs(text: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"{character!r} does not occur in compressed run lengths.")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:  # the sign
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("Compressed run lengths end within a number.")
    return runs
