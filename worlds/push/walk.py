"""Ways of the pusher around the block that do not touch it."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from worlds.push.state import Floats, gap
from worlds.push.table import HIGH, LOW

CLEAR = 0.015  # m, that a walk keeps from the block
GRID = 24  # places along each side among which a walk is planned
FINE_STEP = 0.01  # m, between places that are looked at on a line

Cell = tuple[int, int]


def walk(state: Floats, target: Floats) -> list[Floats] | None:
    """Places to go through one after the other to reach ``target`` without touching the block.

    None if there is no way. The shortest over a grid, with detours cut off.
    """
    here, block = state[:2], state[2:]
    if _free_line(here, target, block):
        return [target]
    axis = np.linspace(LOW, HIGH, GRID)
    places = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    free = gap(places, block) >= CLEAR
    first, last = _nearest(places, free, here), _nearest(places, free, target)
    cells = _shortest(free, first, last)
    if cells is None:
        return None
    return _cut_corners([here, *(places[cell] for cell in cells), target], block)


def _free_line(a: Floats, b: Floats, block: Floats) -> bool:
    count = int(np.linalg.norm(b - a) / FINE_STEP) + 2
    # The walk begins or ends closer to the block than it may come on the way.
    share = np.linspace(0.0, 1.0, count)[:, None]
    between = gap(a + share * (b - a), block)
    least = np.minimum(CLEAR, np.maximum(min(between[0], between[-1]), 0.0))
    return bool((between >= least - 1e-9).all())


def _nearest(places: Floats, free: NDArray[np.bool_], point: Floats) -> Cell:
    square = np.where(free, ((places - point) ** 2).sum(axis=-1), np.inf)
    row, column = np.unravel_index(int(square.argmin()), free.shape)
    return int(row), int(column)


def _shortest(free: NDArray[np.bool_], first: Cell, last: Cell) -> list[Cell] | None:
    """Cells from ``first`` to ``last``, side by side or over a corner."""
    came: dict[Cell, Cell] = {first: first}
    queue = deque([first])
    open_cells = np.pad(free, 1).tolist()
    around = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
    while queue and last not in came:
        row, column = queue.popleft()
        for down, right in around:
            cell = (row + down, column + right)
            if open_cells[cell[0] + 1][cell[1] + 1] and cell not in came:
                came[cell] = (row, column)
                queue.append(cell)
    if last not in came:
        return None
    cells = [last]
    while cells[-1] != first:
        cells.append(came[cells[-1]])
    return cells[::-1]


def _cut_corners(points: list[Floats], block: Floats) -> list[Floats]:
    """The points, without those that a straight walk can leave out."""
    kept = [points[0]]
    index = 0
    while index < len(points) - 1:
        ahead = len(points) - 1
        while ahead > index + 1 and not _free_line(points[index], points[ahead], block):
            ahead -= 1
        index = ahead
        kept.append(points[index])
    return kept[1:]
