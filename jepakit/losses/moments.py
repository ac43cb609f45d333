"""First and second moments of features over the joined batch of all ranks, with gradient."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from jepakit.distributed import all_reduce_sum, total_count


class _Gram(torch.autograd.Function):
    """``x^T x``; its gradient ``x (g + g^T)`` takes one product, autograd's own takes two."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.T @ x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return x @ (gradient + gradient.T)


def gram(x: Float[Tensor, "rows columns"]) -> Float[Tensor, "columns columns"]:
    """Inner products of all pairs of columns, with a gradient at half the usual cost."""
    return _Gram.apply(x)


def joined_mean(features: Float[Tensor, "b d"]) -> Float[Tensor, " d"]:
    """Mean over the samples of all ranks, each sample counting once."""
    count = total_count(features.shape[0], features).to(features.dtype)
    return all_reduce_sum(features.sum(dim=0)) / count


def joined_covariance(centred: Float[Tensor, "b d"]) -> Float[Tensor, "d d"]:
    """``1/N sum_i z_i z_i^T`` over the samples of all ranks, for features with the mean taken off.

    Centring first and squaring then keeps float32 exact where the mean is large; the two moments
    reduced at once would cancel.
    """
    count = total_count(centred.shape[0], centred).to(centred.dtype)
    return all_reduce_sum(gram(centred)) / count
