"""Which tokens of a clip are hidden in turn, and which of them are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt8

Hide = Literal["slice", "future", "blocks"]
"""What is hidden in turn.

``slice``: one time slice, given all others, those after it too. ``future``: a time slice and all
after it, given those before; the first of the hidden ones is asked for. ``blocks``: a square of
tokens in every time slice, given all around it.
"""

Mask = Bool[np.ndarray, "v tt hh ww"]


@dataclass(frozen=True)
class HidingPlan:
    """Masks of one clip that ask for its tokens in turn, no token twice.

    Attributes:
        hidden: what each mask hides.
        asked: the hidden tokens whose prediction counts.
    """

    hidden: Mask
    asked: Mask

    @classmethod
    def of(cls, hide: Hide, grid: tuple[int, int, int], *, block: int = 2) -> HidingPlan:
        """The masks of a token grid.

        Args:
            hide: what is hidden in turn.
            grid: time slices, rows and columns.
            block: side of a hidden square in tokens; smaller at the right and lower border.

        Raises:
            ValueError: nothing would stay visible.
        """
        slices, rows, columns = grid
        if hide == "blocks":
            return cls._blocks(grid, block)
        if slices < 2:
            raise ValueError(
                "This model's clips have one time slice: nothing of time can be hidden and "
                "something left to see. Hide blocks, or take a model of longer clips."
            )
        at = np.arange(slices)
        first = 1 if hide == "future" else 0
        turn = at[first:, None] == at
        hidden = at[first:, None] <= at if hide == "future" else turn

        def whole(mask: np.ndarray) -> Mask:
            return np.broadcast_to(mask[:, :, None, None], (*mask.shape, rows, columns)).copy()

        return cls(whole(hidden), whole(turn))

    @classmethod
    def _blocks(cls, grid: tuple[int, int, int], block: int) -> HidingPlan:
        slices, rows, columns = grid
        if block < 1 or (block >= rows and block >= columns):
            raise ValueError(
                f"A block must have 1 token a side at least and leave some of {rows} x {columns} "
                f"visible, came {block}."
            )
        across = -(-columns // block)
        row, column = np.indices((rows, columns))
        number = row // block * across + column // block
        turn = np.arange(number.max() + 1)[:, None, None] == number
        hidden = np.repeat(turn[:, None], slices, axis=1)
        return cls(hidden, hidden)


def held_clips(
    frames: UInt8[np.ndarray, "t h w 3"], hide: Hide, tubelet: int
) -> UInt8[np.ndarray, "v t h w 3"] | None:
    """For each mask of time slices, the clip in which the last frame seen stays where it hides.

    A hidden first slice shows the first frame after it. None for blocks of space.
    """
    if hide == "blocks":
        return None
    slices = len(frames) // tubelet
    first = 1 if hide == "future" else 0
    clips = np.repeat(frames[None], slices - first, axis=0)
    for clip, turn in zip(clips, range(first, slices), strict=True):
        begin = turn * tubelet
        end = len(frames) if hide == "future" else begin + tubelet
        clip[begin:end] = frames[begin - 1 if turn else end]
    return clips
