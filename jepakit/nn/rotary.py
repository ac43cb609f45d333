"""Rotary positions of (time, row, column): queries and keys are turned by where their token is."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Pairing = Literal["interleaved", "tiled"]
"""Which frequency each channel of a pair ``(2j, 2j+1)`` turns with.

``interleaved``: both with the same one, a true rotation (V-JEPA 2.1).
``tiled``: with ``w[2j mod m]`` and ``w[(2j+1) mod m]`` of an axis's ``m`` frequencies: no rotation,
but what the published V-JEPA 2.0 weights were trained with.
"""


class Rotation(NamedTuple):
    """Factors of every token, shared by all heads and layers.

    Attributes:
        cos: factor of the channel itself.
        sin: factor of ``partner(x)``, which of a pair ``(a, b)`` is ``(-b, a)``.
    """

    cos: Float[Tensor, "total dim"]
    sin: Float[Tensor, "total dim"]


class RotaryEmbedding(nn.Module):
    """``x cos(p w) + partner(x) sin(p w)`` with ``w_i = 10000^(-i / m)``, an axis after the other.

    Each axis takes ``2 m = 2 ((dim // 3) // 2)`` channels of a head in the order time, row, column;
    channels left over are not turned. Positions are token numbers, not scaled to the clip, so that
    longer and larger clips continue where shorter ones end; with ``pretrained_side`` rows and
    columns are stretched to that many positions instead.

    Source: V-JEPA 2 (RoPE-3D) and 2.1 (interpolation). Differs: the factors are computed once per
    forward pass, in float64 and kept in float32; the released code computes them in every layer
    and in the dtype of the queries, which in bfloat16 is off by up to 0.03 rad.
    """

    cos: Tensor
    sin: Tensor

    def __init__(
        self,
        dim: int,
        *,
        grid: tuple[int, int, int],
        pairing: Pairing = "interleaved",
        pretrained_side: int | None = None,
    ) -> None:
        """Compute the factors of a grid; nothing is learned or saved.

        Args:
            dim: channels of a head.
            grid: tubelets, rows and columns.
            pairing: see :data:`Pairing`.
            pretrained_side: rows and columns of the grid whose positions are stretched over this
                one; None takes token numbers.

        Raises:
            ValueError: a head too narrow for one pair per axis or not made of pairs, or a single
                row or column that cannot be stretched.
        """
        super().__init__()
        if pretrained_side is not None and min(grid[1:]) < 2:
            raise ValueError(
                f"A grid of {grid[1]} x {grid[2]} tokens cannot be stretched to {pretrained_side} "
                "positions: it needs at least 2 rows and columns."
            )
        axes = [torch.arange(n).double() for n in grid]
        if pretrained_side is not None:
            axes[1:] = [axis * ((pretrained_side - 1) / (len(axis) - 1)) for axis in axes[1:]]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 2)
        cos, sin = rotation_at(places, dim, pairing=pairing)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, position: Int[Tensor, " total"]) -> Rotation:
        """Factors of the tokens at ``position`` (``0 .. n - 1``, time-major)."""
        return Rotation(self.cos.index_select(0, position), self.sin.index_select(0, position))


def rotation_at(
    places: Float[Tensor, "total 3"], dim: int, *, pairing: Pairing = "interleaved"
) -> Rotation:
    """Factors of tokens at ``places`` (time, row, column), which need not be whole numbers.

    Raises:
        ValueError: a head of ``dim`` channels is too narrow for one pair per axis, or no pairs.
    """
    pairs = dim // 3 // 2
    if pairs < 1 or dim % 2:
        raise ValueError(
            "Rotary positions of three axes need an even number of at least 6 channels a head, "
            f"came {dim}: use another number of heads or another width."
        )
    frequency = 10000.0 ** -(torch.arange(pairs, dtype=torch.float64) / pairs)
    angle = places.double().unsqueeze(-1) * frequency
    angle = angle.repeat(1, 1, 2) if pairing == "tiled" else angle.repeat_interleave(2, dim=2)
    angle = F.pad(angle.flatten(1), (0, dim - 6 * pairs))
    return Rotation(angle.cos().float(), angle.sin().float())


def rotate(x: Float[Tensor, "total *heads dim"], rotation: Rotation) -> Tensor:
    """Turn queries or keys, in their own dtype."""
    between = [1] * (x.ndim - 2)
    cos, sin = (factor.unflatten(0, (-1, *between)).to(x.dtype) for factor in rotation)
    if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
        return _Turn.apply(x, cos, sin)
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.addcmul(x * cos, torch.stack([-second, first], dim=-1).flatten(-2), sin)


class _Turn(torch.autograd.Function):
    """The same on a CPU, about twice as fast: partners are found as numbers times ``i``.

    ``(a + i b) i = -b + i a``. Copying single floats with a stride takes longer than arithmetic.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _times(x, 1j).mul_(sin).addcmul_(x, cos)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _times(gradient * sin, -1j).addcmul_(gradient, cos), None, None


def _times(x: Tensor, factor: complex) -> Tensor:
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * factor).flatten(-2)
