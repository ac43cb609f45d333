"""Where a token is in its clip: a vector added to it, or a rotation of its queries and keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from jepakit.nn.rotary import RotaryEmbedding

PositionKind = Literal["sincos", "learned"]

Position = Literal["sincos", "learned", "rope", "rope_tiled", "rope_stretched"]
"""How an encoder knows where a token is.

``sincos``, ``learned``: a vector added to the token, fixed or learned.
``rope``: queries and keys turned by (time, row, column), see :class:`RotaryEmbedding`.
``rope_tiled``: the same with the tiled frequencies of the published V-JEPA 2.0 weights.
``rope_stretched``: ``rope`` with rows and columns stretched to the positions of a frame of 256
pixels (V-JEPA 2.1), so that larger frames are seen as finer ones.
"""

PRETRAINED_PIXELS = 256


class PositionEmbedding(nn.Module):
    """One vector per token of the grid, read only for the tokens that are kept."""

    table: Tensor

    def __init__(
        self, width: int, *, grid: tuple[int, int, int], kind: PositionKind = "sincos"
    ) -> None:
        """Fixed table (not saved) or parameter, Normal(0, 0.02) truncated at two deviations.

        Args:
            width: width of a token.
            grid: tubelets, rows and columns.
            kind: ``sincos`` (see :func:`sincos_table`) or ``learned``.
        """
        super().__init__()
        if kind == "sincos":
            self.register_buffer("table", sincos_table(grid, width), persistent=False)
        else:
            self.table = nn.Parameter(torch.empty(grid[0] * grid[1] * grid[2], width))
            nn.init.trunc_normal_(self.table, std=0.02, a=-0.04, b=0.04)

    def forward(self, position: Int[Tensor, " total"]) -> Float[Tensor, "total d"]:
        """Vectors of the tokens at ``position`` (``0 .. n - 1``, time-major)."""
        return self.table.index_select(0, position)


def positional_parts(
    position: Position, width: int, *, heads: int, grid: tuple[int, int, int], patch: int
) -> tuple[PositionEmbedding | None, RotaryEmbedding | None]:
    """What is added to tokens, or what turns their queries and keys: one of the two is None."""
    kinds: tuple[PositionKind, ...] = get_args(PositionKind)
    for kind in kinds:
        if position == kind:
            return PositionEmbedding(width, grid=grid, kind=kind), None
    stretched = position == "rope_stretched"
    return None, RotaryEmbedding(
        width // heads,
        grid=grid,
        pairing="tiled" if position == "rope_tiled" else "interleaved",
        pretrained_side=PRETRAINED_PIXELS // patch if stretched else None,
    )


def sincos_table(grid: tuple[int, int, int], width: int) -> Float[Tensor, "n d"]:
    """``[sin(p w_i), cos(p w_i)]`` with ``w_i = 10000^(-i / m)``, side by side for each axis.

    The width is shared evenly among the axes longer than 1 (a still image spends nothing on time);
    what cannot be shared evenly goes to the first of them. Tokens are ordered time, row, column.

    Source: MAE's 2-D and VideoMAE's 3-D tables. Differs: equal shares, computed in float64.

    Raises:
        ValueError: ``width`` is odd or too small for one pair per axis.
    """
    long = [axis for axis, length in enumerate(grid) if length > 1] or [0]
    if width % 2 or width < 2 * len(long):
        raise ValueError(
            f"Sine-cosine positions over {len(long)} axes need an even width of at least "
            f"{2 * len(long)}, came {width}."
        )
    even = width // (2 * len(long)) * 2
    shares = {axis: even for axis in long}
    shares[long[0]] += width - even * len(long)
    axes = torch.meshgrid(*(torch.arange(length) for length in grid), indexing="ij")
    parts = [part for axis in long for part in _waves(axes[axis].flatten(), shares[axis])]
    return torch.cat(parts, dim=1).float()


def _waves(position: Tensor, width: int) -> Iterator[Tensor]:
    count = width // 2
    frequency = 10000.0 ** -(torch.arange(count, dtype=torch.float64) / count)
    angle = position.double().outer(frequency)
    yield angle.sin()
    yield angle.cos()
