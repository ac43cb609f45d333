"""Attention of packed sequences: each sample attends to its own tokens only."""

from __future__ import annotations

import functools
import itertools
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from jepakit.batch import Packing
from jepakit.nn.ragged import pad, unpad

Kernel = Literal["auto", "sdpa", "varlen", "xformers", "padded"]
"""How attention runs; every kernel gives the same result.

``auto``: the best one for the device, dtype and lengths, see :func:`choose_kernel`.
``sdpa``: one dense call per run of neighbouring samples of equal length; any device and dtype.
``varlen``: PyTorch's variable-length flash kernel; CUDA, float16 or bfloat16.
``xformers``: xFormers' block-diagonal mask; CUDA, optional dependency.
``padded``: pads to the longest sample and masks the padding; any device and dtype.
"""

HALF = (torch.float16, torch.bfloat16)


def attend(
    q: Float[Tensor, "total_q heads dim"],
    k: Float[Tensor, "total_k heads dim"],
    v: Float[Tensor, "total_k heads dim"],
    q_packing: Packing,
    k_packing: Packing | None = None,
    *,
    kernel: Kernel = "auto",
) -> Float[Tensor, "total_q heads dim"]:
    """``softmax(q k' / sqrt(dim)) v`` within every sample of a packed batch.

    Lengths are read from the packings, which hold them on the host: no kernel waits for the device.

    Args:
        q: queries, one row per token of ``q_packing``.
        k: keys, one row per token of ``k_packing``.
        v: values, laid out as the keys.
        q_packing: layout of the queries.
        k_packing: layout of keys and values; the queries' own (self-attention) by default.
        kernel: see :data:`Kernel`.

    Raises:
        ValueError: rows and packings disagree, a query has nothing to attend to, or the kernel
            cannot run on this device or dtype.
    """
    keys = q_packing if k_packing is None else k_packing
    _check(q, k, q_packing, keys)
    if kernel == "auto":
        uniform = q_packing.is_uniform and keys.is_uniform
        kernel = choose_kernel(q.device.type, q.dtype, uniform=uniform)
    if kernel == "sdpa":
        return _sdpa(q, k, v, q_packing, keys)
    if kernel == "varlen":
        return _varlen(q, k, v, q_packing, keys)
    if kernel == "xformers":
        return _xformers(q, k, v, q_packing, keys)
    return _padded(q, k, v, q_packing, keys)


def choose_kernel(device: str, dtype: torch.dtype, *, uniform: bool) -> Kernel:
    """The kernel ``auto`` stands for.

    Equal lengths are one dense call everywhere. Otherwise CUDA takes the variable-length kernel
    where its dtype allows and pads where not (one launch sequence instead of one per sample), and
    the CPU calls SDPA per sample, which costs nothing there and wastes no work on padding.
    """
    if uniform or device != "cuda":
        return "sdpa"
    return "varlen" if dtype in HALF else "padded"


def _check(q: Tensor, k: Tensor, queries: Packing, keys: Packing) -> None:
    if (q.shape[0], k.shape[0]) != (queries.total, keys.total):
        raise ValueError(
            f"Packings have {queries.total} query and {keys.total} key tokens, "
            f"the tensors {q.shape[0]} and {k.shape[0]} rows."
        )
    if queries.batch != keys.batch:
        raise ValueError(
            f"Queries are of {queries.batch} samples and keys of {keys.batch}: they must pair up."
        )
    if keys is not queries and 0 in keys.lengths:
        pairs = zip(queries.lengths, keys.lengths, strict=True)
        lonely = [sample for sample, (asks, has) in enumerate(pairs) if asks and not has]
        if lonely:
            raise ValueError(f"Samples {lonely} have queries but no key to attend to.")


def _sdpa(q: Tensor, k: Tensor, v: Tensor, queries: Packing, keys: Packing) -> Tensor:
    # Equal neighbours become one dense call through a view. ``split`` and not slices: its backward
    # is one concatenation, a slice's is a full-size tensor of zeros per sample.
    pairs = itertools.groupby(zip(queries.lengths, keys.lengths, strict=True))
    runs = [(*pair, len(list(equal))) for pair, equal in pairs]
    q_rows = [a * count for a, _, count in runs]
    k_rows = [b * count for _, b, count in runs]
    out = []
    for (_, _, count), *parts in zip(
        runs, q.split(q_rows), k.split(k_rows), v.split(k_rows), strict=True
    ):
        if not parts[0].shape[0]:
            continue
        dense = [part.unflatten(0, (count, -1)).transpose(1, 2) for part in parts]
        out.append(F.scaled_dot_product_attention(*dense).transpose(1, 2).flatten(0, 1))
    if not out:
        return torch.zeros_like(q)
    return out[0] if len(out) == 1 else torch.cat(out)


def _varlen(q: Tensor, k: Tensor, v: Tensor, queries: Packing, keys: Packing) -> Tensor:
    if q.device.type != "cuda" or q.dtype not in HALF:
        raise ValueError(
            "kernel='varlen' needs CUDA and float16 or bfloat16; the queries are "
            f"{q.dtype} on {q.device.type}. Use kernel='auto'."
        )
    from torch.nn.attention.varlen import varlen_attn

    # Positional arguments only: the keyword ones differ between releases of PyTorch.
    out = varlen_attn(q, k, v, queries.offsets, keys.offsets, queries.max_length, keys.max_length)
    assert isinstance(out, Tensor)  # a tuple only when more is asked for
    return out


def _xformers(q: Tensor, k: Tensor, v: Tensor, queries: Packing, keys: Packing) -> Tensor:
    try:
        from xformers.ops import memory_efficient_attention
    except ImportError as error:
        raise ValueError(
            "kernel='xformers' needs the package xformers, which is not installed: "
            "pip install 'jepakit[xformers]', or use kernel='auto'."
        ) from error
    if q.device.type != "cuda":
        raise ValueError(
            f"kernel='xformers' needs CUDA; the queries are on {q.device.type}. Use kernel='auto'."
        )
    mask = _block_diagonal(queries.lengths, keys.lengths, q.device)
    return memory_efficient_attention(q[None], k[None], v[None], attn_bias=mask)[0]


@functools.lru_cache(maxsize=8)
def _block_diagonal(q_lengths: tuple[int, ...], k_lengths: tuple[int, ...], device: Any) -> Any:
    """One mask per batch, shared by all layers: building it copies offsets to the device."""
    from xformers.ops.fmha.attn_bias import BlockDiagonalMask

    return BlockDiagonalMask.from_seqlens(list(q_lengths), list(k_lengths), device=device)


def _padded(q: Tensor, k: Tensor, v: Tensor, queries: Packing, keys: Packing) -> Tensor:
    dense_q = pad(q, queries).transpose(1, 2)
    dense_k, dense_v = (pad(x, keys).transpose(1, 2) for x in (k, v))
    mask = None
    if not keys.is_uniform:
        columns = torch.arange(keys.max_length, device=q.device)
        mask = (columns < keys.offsets.diff().unsqueeze(1))[:, None, None, :]
    out = F.scaled_dot_product_attention(dense_q, dense_k, dense_v, attn_mask=mask)
    return unpad(out.transpose(1, 2), queries)
