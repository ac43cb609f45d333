"""Packed token sequences: means per sample, padding and back, rows of one packing out of another.

A packed tensor has one row per kept token, sample after sample; a :class:`~jepakit.batch.Packing`
says which row is which token. Nothing here asks the device for a number.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from jepakit.batch import Packing


def segment_mean(tokens: Float[Tensor, "total ..."], packing: Packing) -> Float[Tensor, "b ..."]:
    """Mean over each sample's own tokens, so that long samples weigh no more than short ones.

    Sums run in float32 at least; a sample without tokens has mean 0. The gradient of a token is
    its sample's gradient divided by its sample's length.
    """
    _check_rows(tokens, packing)
    wide = tokens.float() if tokens.dtype in (torch.float16, torch.bfloat16) else tokens
    sums = wide.new_zeros(packing.batch, *tokens.shape[1:])
    sums = sums.index_add(0, packing.sample, wide)
    lengths = packing.offsets.diff().clamp(min=1).to(wide.dtype)
    return (sums / lengths.view(-1, *[1] * (tokens.ndim - 1))).to(tokens.dtype)


def pad(
    tokens: Float[Tensor, "total ..."], packing: Packing, length: int | None = None
) -> Float[Tensor, "b length ..."]:
    """Dense copy, zeros after each sample's tokens.

    Args:
        tokens: packed rows.
        packing: their layout.
        length: rows per sample in the copy; the longest sample's by default.
    """
    _check_rows(tokens, packing)
    length = _padded_length(packing, length)
    if packing.is_uniform and length == packing.max_length:
        return tokens.unflatten(0, (packing.batch, length))
    flat = tokens.new_zeros(packing.batch * length, *tokens.shape[1:])
    rows = _padded_rows(packing, length)
    return flat.index_copy(0, rows, tokens).unflatten(0, (packing.batch, length))


def unpad(dense: Float[Tensor, "b length ..."], packing: Packing) -> Float[Tensor, "total ..."]:
    """The packed rows of a padded tensor: the inverse of :func:`pad`."""
    length = _padded_length(packing, dense.shape[1])
    if packing.is_uniform and length == packing.max_length:
        return dense.flatten(0, 1)
    return dense.flatten(0, 1).index_select(0, _padded_rows(packing, length))


def take(
    tokens: Float[Tensor, "total ..."], source: Packing, wanted: Packing
) -> Float[Tensor, "picked ..."]:
    """Rows of the tokens ``wanted`` out of a tensor laid out as ``source``.

    Every wanted token must be in ``source``; a missing one is an index out of range, which the CPU
    raises as ``IndexError`` and CUDA as a device assertion.
    """
    _check_rows(tokens, source)
    if (source.batch, source.grid) != (wanted.batch, wanted.grid):
        raise ValueError(
            "Both packings must be of the same samples and grid; the source has "
            f"{source.batch} x {source.grid}, wanted has {wanted.batch} x {wanted.grid}."
        )
    return tokens.index_select(0, rows_of(source, wanted))


def rows_of(source: Packing, wanted: Packing) -> Int[Tensor, " picked"]:
    """Row of each token of ``wanted`` in a tensor laid out as ``source``."""
    lookup = source.index.new_full((source.batch * source.grid,), source.total)
    rows = torch.arange(source.total, device=lookup.device)
    return lookup.scatter_(0, source.index, rows)[wanted.index]


def _check_rows(tokens: Tensor, packing: Packing) -> None:
    if tokens.shape[0] != packing.total:
        raise ValueError(
            f"A packed tensor needs one row per kept token: the packing has {packing.total}, "
            f"the tensor has shape {tuple(tokens.shape)}."
        )


def _padded_length(packing: Packing, length: int | None) -> int:
    if length is None:
        return packing.max_length
    if length < packing.max_length:
        raise ValueError(
            f"The padded length ({length}) is below the longest sample ({packing.max_length})."
        )
    return length


def _padded_rows(packing: Packing, length: int) -> Tensor:
    """Row of each packed token in the flattened ``(b length)`` layout."""
    sample = packing.sample
    within = torch.arange(packing.total, device=sample.device) - packing.offsets[sample]
    return sample * length + within
