"""Pictures of the push world: flat colours with smooth edges, and label maps that agree with them.

Edges are smooth because a pixel is the mean of 3 x 3 finer ones: motion of a third of a pixel is
seen. The label map tells what is at the centre of each pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worlds.push.state import Floats
from worlds.push.table import BLOCK_SHAPES, PUSHER_SHAPES, TABLE
from worlds.raster import rasterise

FINE = 3  # finer pixels along each side of a pixel; odd, so that one has the pixel's centre
BACKGROUND, PUSHER_LABEL, BLOCK_LABEL = 0, 1, 2
# The table has the mean colour of photographs (ImageNet's): networks that subtract it see zeros
# where nothing is. On a bright table the same network takes far longer to find the pusher.
COLOURS = np.array([(124, 116, 104), (232, 58, 38), (238, 232, 220)], np.float64)
GOAL_COLOUR = np.array((62, 190, 110), np.float64)
OUTLINE = 0.012  # m, width of the goal's outline


def draw(states: ArrayLike, *, size: int = 64) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """RGB frames ``(t, size, size, 3)`` and label maps ``(t, size, size)``, top row first.

    Args:
        states: ``(t, 5)``, see :mod:`worlds.push.state`.
        size: height and width in pixels.

    Raises:
        ValueError: another shape, or a size below 8.
    """
    fine = _fine_labels(states, size)
    counts = _COUNTED[fine]
    rows = counts[:, 0::FINE] + counts[:, 1::FINE] + counts[:, 2::FINE]
    code = rows[..., 0::FINE] + rows[..., 1::FINE] + rows[..., 2::FINE]
    middle = FINE // 2
    labels = np.ascontiguousarray(fine[:, middle::FINE, middle::FINE])
    return _MIXED[code], labels


def with_goal(frame: NDArray[np.uint8], goal: Floats) -> NDArray[np.uint8]:
    """A frame on which the outline of the block in a goal state is drawn; for human eyes."""
    size = len(frame)
    inside = _fine_labels(goal[None], size)[0] == BLOCK_LABEL
    core = inside.copy()
    for turn in range(max(FINE, round(OUTLINE * FINE * size / TABLE))):
        wide = np.pad(core, 1)
        if turn % 2:  # a diamond and a square in turn wear off about equally in all directions
            wide[:, 1:-1] &= np.roll(wide, 1, 0)[:, 1:-1] & np.roll(wide, -1, 0)[:, 1:-1]
            core &= wide[1:-1, 2:] & wide[1:-1, 1:-1] & wide[1:-1, :-2]
        else:
            core &= wide[2:, 1:-1] & wide[:-2, 1:-1] & wide[1:-1, 2:] & wide[1:-1, :-2]
    line = (inside & ~core).reshape(size, FINE, size, FINE).mean(axis=(1, 3))[..., None]
    return _bytes(frame * (1 - line) + GOAL_COLOUR * line)


def _fine_labels(states: ArrayLike, size: int) -> NDArray[np.uint8]:
    array = np.asarray(states, np.float64)
    if array.ndim != 2 or array.shape[1] != 5 or size < 8:
        raise ValueError(
            f"Expected states (t, 5) and a size of at least 8; came {array.shape} and {size}."
        )
    poses = np.zeros((len(array), 2, 3))
    poses[:, 0, :2] = array[:, :2]
    poses[:, 1] = array[:, 2:]
    shapes = (PUSHER_SHAPES, BLOCK_SHAPES)
    return rasterise(shapes, poses, size=(FINE * size,) * 2, scale=FINE * size / TABLE)


def _bytes(colour: Floats) -> NDArray[np.uint8]:
    return (colour.clip(0, 255) + 0.5).astype(np.uint8)


def _mixtures() -> NDArray[np.uint8]:
    """The colour of a pixel by its code: finer pixels of the pusher, plus 10 times the block's."""
    block, pusher = np.divmod(np.arange(FINE * FINE * 10 + 1), 10)
    shares = np.stack([FINE * FINE - pusher - block, pusher, block], axis=1) / (FINE * FINE)
    return _bytes(shares @ COLOURS)


_COUNTED = np.array([0, 1, 10], np.uint8)
_MIXED = _mixtures()
