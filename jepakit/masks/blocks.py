"""Rectangles on the token grid, the parts of every geometric masker."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Range = tuple[float, float]


@dataclass(frozen=True)
class BlockSize:
    """How large rectangles are drawn.

    Attributes:
        scale: range of the share of a frame's tokens that a rectangle takes.
        aspect: range of height / width.
    """

    scale: Range
    aspect: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0 < low <= high <= 1:
            raise ValueError(f"scale must rise within (0, 1], got {self.scale}.")
        low, high = self.aspect
        if not 0 < low <= high:
            raise ValueError(f"aspect must rise and be above 0, got {self.aspect}.")


def draw_blocks(
    size: BlockSize, count: int, rows: int, columns: int, generator: torch.Generator
) -> list[NDArray[np.bool_]]:
    """``count`` rectangles of one size and shape at places drawn independently, all uniformly.

    Scale and aspect are rounded to whole tokens and cut to the grid. I-JEPA and V-JEPA draw the
    size for a whole batch, so that its masks can be stacked; packed tokens do not need that.
    """
    draws: list[float] = torch.rand(2 + 2 * count, generator=generator).tolist()
    area = rows * columns * (size.scale[0] + draws[0] * (size.scale[1] - size.scale[0]))
    aspect = size.aspect[0] + draws[1] * (size.aspect[1] - size.aspect[0])
    height = min(rows, max(1, round(math.sqrt(area * aspect))))
    width = min(columns, max(1, round(math.sqrt(area / aspect))))
    blocks = []
    for down, right in zip(draws[2::2], draws[3::2], strict=True):
        top, left = int(down * (rows - height + 1)), int(right * (columns - width + 1))
        block = np.zeros((rows, columns), dtype=bool)
        block[top : top + height, left : left + width] = True
        blocks.append(block)
    return blocks
