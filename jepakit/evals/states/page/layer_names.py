"""Names of layers as tables and figures show them, and where the paper's blocks lie among them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

BLOCK = re.compile(r"blocks\.(\d+)\.out")


def short_name(layer: str) -> str:
    """``L7`` for ``blocks.07.out``, also inside longer texts; other names stay."""
    return BLOCK.sub(lambda found: f"L{int(found[1])}", layer)


def tick_names(layers: Sequence[str], most: int = 14) -> tuple[list[int], list[str]]:
    """Places and names for an axis: first and last, and evenly some between."""
    step = max(1, -(-len(layers) // most))
    places = sorted({*range(0, len(layers), step), len(layers) - 1})
    room = 2 * step if BLOCK.fullmatch(layers[-1]) is None else step  # words are wider
    if len(places) > 2 and places[-1] - places[-2] < room:
        del places[-2]
    return places, [short_name(layers[place]).removeprefix("L") for place in places]


def place_of_block(block: int, blocks: int, layers: Sequence[str]) -> float:
    """Where block ``block`` of a model with ``blocks`` of them lies on an axis of ``layers``.

    At the same relative depth where depths differ; the last block listed is taken for the last.

    Args:
        block: counted from 0.
        blocks: of the other model.
        layers: names of this model's, in order; where none is a block's output all count as blocks.
    """
    numbers = {i: BLOCK.fullmatch(layer) for i, layer in enumerate(layers)}
    ours = {int(found[1]): i for i, found in numbers.items() if found}
    ours = ours or {i: i for i in range(len(layers))}
    depth = block * max(ours) / max(blocks - 1, 1)
    return float(np.interp(depth, list(ours), list(ours.values())))
