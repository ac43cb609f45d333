"""Means over the tokens of an activation, taken on its way through the network."""

from __future__ import annotations

from collections.abc import Mapping
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
    tokens: Float[Tensor, "b n d"],
    pool: Pool,
    *,
    grid: tuple[int, int, int],
    out: Float[Tensor, "b row"] | None = None,
) -> Float[Tensor, "b row"]:
    """One row per clip; means are float32, ``tokens`` stay in their own dtype.

    Args:
        tokens: of full clips, ordered time, row, column.
        pool: see :data:`Pool`.
        grid: tubelets, rows and columns.
        out: where means are written, without gradient; a new tensor by default.
    """
    if pool == "tokens":
        return tokens.flatten(1)
    slices = tokens.unflatten(1, (1 if pool == "mean" else grid[0], -1))
    axis = 1 if pool == "space_mean" else 2
    if out is None:
        return slices.mean(dim=axis, dtype=torch.float32).flatten(1)
    torch.mean(slices, axis, dtype=torch.float32, out=out.unflatten(1, (-1, tokens.shape[2])))
    return out


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
    """Pools named activations of one pass without gradient; the activations are not kept.

    Give ``edits`` to the network and take ``rows`` after it. Means get their place before the pass:
    small tensors that are born in it and stay would split the memory that its large ones leave
    free, and the allocator would then take new memory for the next ones (some 100 MB, measured).

    Attributes:
        rows: what was read, ``(b, row)``.
    """

    def __init__(
        self,
        widths: Mapping[Reading, int],
        *,
        batch: int,
        grid: tuple[int, int, int],
        device: torch.device | str = "cpu",
    ) -> None:
        """Make room for what is read.

        Args:
            widths: ``d`` of every activation that is read, with its pooling.
            batch: full clips of the pass.
            grid: tubelets, rows and columns of their tokens.
            device: of the activations.
        """
        self._batch, self._grid = batch, grid
        self._pools: dict[str, list[Pool]] = {}
        for site, pool in widths:
            self._pools.setdefault(site, []).append(pool)
        sizes = {
            reading: batch * pooled_width(reading[1], width, grid=grid)
            for reading, width in widths.items()
            if reading[1] != "tokens"
        }
        room = torch.empty(sum(sizes.values()), device=device).split([*sizes.values()])
        self.rows: dict[Reading, Tensor] = {
            reading: part.view(batch, -1) for reading, part in zip(sizes, room, strict=True)
        }

    @property
    def edits(self) -> dict[str, Edit]:
        """Edits that look and change nothing."""
        return {site: Edit.apply(partial(self._look, site)) for site in self._pools}

    def _look(self, site: str, x: Tensor) -> Tensor:
        dense = x.unflatten(0, (self._batch, -1))
        for pool in self._pools[site]:
            out = self.rows.get((site, pool))
            self.rows[site, pool] = pool_tokens(dense, pool, grid=self._grid, out=out)
        return x
