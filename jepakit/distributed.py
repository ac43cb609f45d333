"""Collectives with gradients, and the one convention that makes them right under DDP.

Each collective is a linear map from the tensors of all ranks to the tensors of all ranks, and its
backward is exactly the adjoint of that map. Backpropagation on rank ``s`` then yields the gradient
of the sum over ranks of what each rank returned as its loss, ``sum_r L_r``. DDP averages parameter
gradients over the ``R`` ranks, so that training descends ``mean_r L_r``. Two cases follow:

* ``L_r`` computed from reduced statistics is the same number ``L`` everywhere: the mean is ``L``,
  the value and gradient of one process that holds the joined batch.
* ``L_r`` averaged over a rank's own ``n_r`` samples: the mean is right where all ``n_r`` are equal;
  :func:`rank_weight` makes it right where they are not.

Rank and world size are asked for at call time: Lightning builds modules before the process group
exists. Without a process group every function here acts as on a single rank.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def is_distributed() -> bool:
    """Whether a process group of more than one rank exists now."""
    return world_size() > 1


def world_size() -> int:
    """Number of ranks now; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this rank now; 0 without a process group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


class _SumOverRanks(torch.autograd.Function):
    """``y_r = sum_s x_s``; the adjoint is the same sum over the incoming gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        total = x.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


class _Broadcast(torch.autograd.Function):
    """``y_r = x_source``; the adjoint sums all gradients at the source and is 0 elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, source: int) -> Tensor:
        ctx.source = source
        value = x.detach().clone(memory_format=torch.contiguous_format)
        dist.broadcast(value, src=source)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return (total if dist.get_rank() == ctx.source else torch.zeros_like(total)), None


class _Gather(torch.autograd.Function):
    """``y_r = cat_s x_s``; the adjoint sums all gradients and keeps the rank's own rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: list[int]) -> Tensor:
        ctx.begin, ctx.size = sum(sizes[: dist.get_rank()]), x.shape[0]
        # Ranks may hold unequally many rows, collectives want equal shapes: pad, gather, cut.
        padded = x.new_zeros(max(sizes), *x.shape[1:])
        padded[: x.shape[0]] = x
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[ctx.begin : ctx.begin + ctx.size], None


def all_reduce_sum(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Sum of ``x`` over all ranks, the same on each, with gradient. Shapes must agree."""
    return _SumOverRanks.apply(x) if is_distributed() else x


def all_reduce_mean(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Mean of ``x`` over all ranks, each counting once, with gradient. Shapes must agree."""
    return all_reduce_sum(x) / world_size()


def gather(x: Float[Tensor, "rows ..."]) -> Float[Tensor, "all_rows ..."]:
    """Rows of all ranks one below the other, in rank order, with gradient.

    Ranks may hold different numbers of rows. The numbers are exchanged first and read on the host,
    so this waits for the device: fit for evaluation and diagnostics, not for a training step.
    """
    if not is_distributed():
        return x
    sizes = torch.zeros(world_size(), dtype=torch.int64, device=x.device)
    sizes[rank()] = x.shape[0]
    dist.all_reduce(sizes)
    return _Gather.apply(x, sizes.tolist())


def broadcast(x: Float[Tensor, "*shape"], source: int = 0) -> Float[Tensor, "*shape"]:
    """``x`` of rank ``source`` on every rank, with gradient. Shapes must agree."""
    return _Broadcast.apply(x, source) if is_distributed() else x


def total_count(count: int, like: Tensor) -> Float[Tensor, ""]:
    """Sum of a host integer over all ranks, left on the device of ``like`` (no host sync).

    float64 where the device has it: counts above 2^24 would not be exact in float32.
    """
    dtype = torch.float32 if like.device.type == "mps" else torch.float64
    total = torch.full((), float(count), dtype=dtype, device=like.device)
    if is_distributed():
        dist.all_reduce(total)
    return total


def rank_weight(samples: int, like: Tensor) -> Float[Tensor, ""]:
    """``R n_r / sum_s n_s``: what this rank's mean over its own ``samples`` must weigh.

    With it, DDP's average over ranks is the mean over the joined batch, also where ranks hold
    unequally many samples. 1 without a process group, and 1 while gradients are off: nothing is
    averaged then, and an evaluation loop must not wait for ranks that have no batch left.
    """
    if not (is_distributed() and torch.is_grad_enabled()):
        return torch.ones((), device=like.device)
    return (world_size() * samples / total_count(samples, like)).float()
