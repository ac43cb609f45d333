"""Rotary positions: the formula written out, invariances, and both ways to compute them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from jepakit.nn.rotary import Pairing, RotaryEmbedding, Rotation, rotate
from jepakit.seeds import generator

GRID = (3, 4, 5)


def written_out(x: Tensor, place: tuple[float, float, float], pairing: Pairing) -> Tensor:
    """One head's vector at one place, channel by channel."""
    dim = len(x)
    pairs = dim // 3 // 2
    y = x.clone()
    for axis, position in enumerate(place):
        for channel in range(2 * pairs):
            frequency = channel // 2 if pairing == "interleaved" else channel % pairs
            angle = position * 10000 ** (-frequency / pairs)
            at = axis * 2 * pairs + channel
            partner = -x[at + 1] if channel % 2 == 0 else x[at - 1]
            y[at] = x[at] * math.cos(angle) + partner * math.sin(angle)
    return y


@pytest.mark.parametrize("pairing", ["interleaved", "tiled"])
@pytest.mark.parametrize("dim", [6, 20, 32])
def test_the_formula(pairing: Pairing, dim: int) -> None:
    x = torch.randn(60, 2, dim, generator=generator("x"), dtype=torch.float64)
    found = rotate(x, RotaryEmbedding(dim, grid=GRID, pairing=pairing)(torch.arange(60)))
    for token in (0, 7, 33, 59):
        place = (token // 20, token // 5 % 4, token % 5)
        for head in (0, 1):
            expected = written_out(x[token, head], place, pairing)
            torch.testing.assert_close(found[token, head], expected, atol=1e-6, rtol=0)


def scores(pairing: Pairing, shift: int) -> Tensor:
    """Product of a query at ``(shift,) * 3`` and a key one further along every axis."""
    rotary = RotaryEmbedding(32, grid=(8, 8, 8), pairing=pairing)
    q, k = torch.randn(2, 1, 32, generator=generator("qk"))
    one, other = torch.tensor([shift * 73]), torch.tensor([(shift + 1) * 73])
    return (rotate(q, rotary(one)) * rotate(k, rotary(other))).sum()


def test_a_true_rotation_sees_distances_alone_and_the_tiled_one_does_not() -> None:
    products = torch.stack([scores("interleaved", shift) for shift in range(6)])
    torch.testing.assert_close(products, products[:1].expand(6), atol=2e-5, rtol=0)
    tiled = torch.stack([scores("tiled", shift) for shift in range(6)])
    assert (tiled - tiled[0]).abs().max() > 0.1


def test_lengths_are_kept_by_a_rotation() -> None:
    x = torch.randn(60, 3, 32, generator=generator("x"))
    turned = rotate(x, RotaryEmbedding(32, grid=GRID)(torch.arange(60)))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[0], x[0])


def test_stretched_positions_end_where_the_pretrained_grid_does() -> None:
    plain = RotaryEmbedding(32, grid=(2, 16, 16))
    wide = RotaryEmbedding(32, grid=(2, 31, 31), pretrained_side=16)
    for row, column in ((0, 0), (15, 15), (5, 9)):
        at = torch.tensor([256 + row * 16 + column])
        there = torch.tensor([961 + 2 * row * 31 + 2 * column])
        torch.testing.assert_close(wide(there).cos, plain(at).cos, atol=1e-6, rtol=0)


def test_the_fast_way_on_a_cpu_is_the_plain_one_in_value_and_gradient() -> None:
    x = torch.randn(60, 2, 3, 20, generator=generator("x"), requires_grad=True)
    rotation = RotaryEmbedding(20, grid=GRID, pairing="tiled")(torch.arange(60))
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = (factor[:, None, None] for factor in rotation)
    plain = x * cos + torch.stack([-second, first], dim=-1).flatten(-2) * sin
    fast = rotate(x, rotation)
    torch.testing.assert_close(fast, plain)
    towards = torch.randn(fast.shape, generator=generator("g"))
    grads = [torch.autograd.grad(y, x, towards)[0] for y in (fast, plain)]
    torch.testing.assert_close(*grads)


def test_half_precision_takes_the_factors_in_float32() -> None:
    x = torch.randn(60, 2, 20, generator=generator("x"))
    rotation = RotaryEmbedding(20, grid=GRID)(torch.arange(60))
    turned = rotate(x.bfloat16(), rotation)
    assert turned.dtype == torch.bfloat16
    torch.testing.assert_close(turned.float(), rotate(x, rotation), atol=0.05, rtol=0)


def test_gradients_are_those_of_finite_differences() -> None:
    x = torch.randn(4, 2, 6, dtype=torch.float64, generator=generator("x"), requires_grad=True)
    table = RotaryEmbedding(6, grid=(1, 2, 2))
    rotation = Rotation(*(factor.double() for factor in table(torch.arange(4))))
    assert torch.autograd.gradcheck(lambda y: rotate(y, rotation), (x,))


@pytest.mark.parametrize(
    ("dim", "grid", "side", "message"),
    [
        (4, GRID, None, "at least 6 channels a head, came 4"),
        (21, GRID, None, "even number"),
        (32, (2, 1, 4), 16, "at least 2 rows and columns"),
    ],
)
def test_sizes_that_cannot_be(
    dim: int, grid: tuple[int, int, int], side: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        RotaryEmbedding(dim, grid=grid, pretrained_side=side)
