"""Means over the tokens of an activation, taken on its way through the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.nn.edits import Edit

Pool = Literal["mean", "time_mean", "space_mean", "tokens"]
"""What is kept of the ``(tt hh ww, d)`` tokens of a clip, as one row.

``mean``: over all tokens, ``d`` wide.
``time_mean``: over space within every tubelet, ``tt d`` wide, tubelet by tubelet.
``space_mean``: over time at every place, ``hh ww d`` wide, place by place.
``tokens``: all of them, ``n d`` wide.
"""

Reading = tuple[str, Pool]
"""An activation's name and how it is pooled."""


def pool_tokens(
    tokens: Float[Tensor, "b n d"], pool: Pool, *, grid: tuple[int, int, int]
) -> Float[Tensor, "b row"]:
    """One row per clip; means are float32, ``tokens`` stay in their own dtype.

    Args:
        tokens: of full clips, ordered time, row, column.
        pool: see :data:`Pool`.
        grid: tubelets, rows and columns.
    """
    if pool == "tokens":
        return tokens.flatten(1)
    if pool == "mean":
        return tokens.mean(dim=1, dtype=torch.float32)
    slices = tokens.unflatten(1, (grid[0], -1))
    return slices.mean(dim=2 if pool == "time_mean" else 1, dtype=torch.float32).flatten(1)


def pooled_width(pool: Pool, width: int, *, grid: tuple[int, int, int]) -> int:
    """Numbers in a row of :func:`pool_tokens`.

    Raises:
        ValueError: no such pooling.
    """
    tubelets, rows, columns = grid
    copies = {
        "mean": 1,
        "time_mean": tubelets,
        "space_mean": rows * columns,
        "tokens": tubelets * rows * columns,
    }
    if pool not in copies:
        raise ValueError(f"Unknown pooling {pool!r}; choose from {', '.join(get_args(Pool))}.")
    return copies[pool] * width


class StreamedPools:
    """Pools named activations of one pass; the activations themselves are not kept.

    Give ``edits`` to the network and take ``rows`` after it.

    Attributes:
        rows: what was read, ``(b, row)`` on the activation's device.
    """

    def __init__(
        self, readings: Iterable[Reading], *, batch: int, grid: tuple[int, int, int]
    ) -> None:
        """Note what is read.

        Args:
            readings: activations and poolings.
            batch: full clips of the pass.
            grid: tubelets, rows and columns of their tokens.
        """
        self.rows: dict[Reading, Tensor] = {}
        self._batch, self._grid = batch, grid
        self._pools: dict[str, list[Pool]] = {}
        for site, pool in readings:
            self._pools.setdefault(site, []).append(pool)

    @property
    def edits(self) -> dict[str, Edit]:
        """Edits that look and change nothing."""
        return {site: Edit.apply(self.looking(site)) for site in self._pools}

    def looking(self, site: str) -> Callable[[Tensor], Tensor]:
        """A function that reads an activation and gives it back."""
        return partial(self._look, site)

    def _look(self, site: str, x: Tensor) -> Tensor:
        dense = x.unflatten(0, (self._batch, -1))
        for pool in self._pools[site]:
            self.rows[site, pool] = pool_tokens(dense, pool, grid=self._grid)
        return x
