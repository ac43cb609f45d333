"""Background of an exact number of tokens in the shape of a square or of a bar."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

ASPECTS = {"square": 1.0, "elongated": 4.0}  # long side over short one, by name of the footprint
Hidden = Bool[np.ndarray, "tt rows columns"]


def footprint(
    blocked: Hidden, hidden: Hidden, *, shape: str, rng: np.random.Generator
) -> Hidden | None:
    """Tokens of background in one rectangle that stays where it is in all tubelets.

    The rectangle is the one whose aspect is nearest to the wanted one, lying or standing; its last
    row may be incomplete, so that every tubelet hides exactly as many tokens as of the object.

    Args:
        blocked: tokens that are no background.
        hidden: tokens of the object that are hidden, at least one.
        shape: ``square``, or ``elongated`` with sides of one to four, lying or standing.
        rng: of the place.

    Returns:
        None where no such rectangle is free.

    Raises:
        ValueError: an unknown shape.
    """
    if shape not in ASPECTS:
        raise ValueError(f"A footprint is one of {', '.join(ASPECTS)}, got {shape!r}.")
    counts = hidden.sum(axis=(1, 2)).tolist()
    ever = np.logical_or.reduce(blocked, axis=0)
    most = max(counts)
    height = max(1, round(float(np.sqrt(most / ASPECTS[shape]))))
    cells = _cells(most, height)
    options = [cells] if shape == "square" else [cells, cells[:, ::-1]]
    free = [place for option in options for place in _places(ever, option)]
    if not free:
        return None
    place = free[rng.integers(len(free))]
    found = np.zeros_like(hidden)
    for layer, count in zip(found, counts, strict=True):
        layer[tuple(place[:count].T)] = True
    return found


def _cells(count: int, height: int) -> np.ndarray:
    """Row and column of so many tokens, row by row."""
    width = -(-count // height)
    return np.stack(np.divmod(np.arange(count), width), axis=1)


def _places(ever: Bool[np.ndarray, "rows columns"], cells: np.ndarray) -> list[np.ndarray]:
    """The cells wherever all of them are free."""
    rows, columns = np.array(ever.shape) - cells.max(axis=0)
    moved = (cells + np.array([r, c]) for r in range(max(rows, 0)) for c in range(max(columns, 0)))
    return [place for place in moved if not ever[tuple(place.T)].any()]
