"""Averages over ragged tokens in which every sample weighs the same."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.batch import Packing
from jepakit.distributed import rank_weight


def sample_mean(
    values: Float[Tensor, " total"], packing: Packing, *, joined: bool = True
) -> Float[Tensor, ""]:
    """Mean over each sample's own tokens, then over the samples of the joined batch of all ranks.

    ``1/B sum_b 1/n_b sum_i v_bi``: a sample with many tokens weighs no more than another
    (Causal-JEPA, Algorithm 1, lines 12-13). On several ranks the number returned is this rank's
    share; its mean over the ranks, which is what DDP descends, is the joined average. Without
    ``joined`` it is the mean over this rank's samples, and all ranks weigh the same.

    Raises:
        ValueError: as many values as kept tokens are needed.
    """
    if values.shape[0] != packing.total:
        raise ValueError(
            f"Expected one value per kept token ({packing.total}), got {values.shape[0]}: "
            "pass the packing that the values were computed with."
        )
    lengths = packing.offsets.diff().to(values.dtype)
    # A weight per token instead of a scatter: index_add is not deterministic on CUDA.
    weight = (1.0 / (packing.batch * lengths))[packing.sample]
    mean = (values * weight).sum()
    return mean * rank_weight(packing.batch, values) if joined else mean


def at_least_float32(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """``x`` in float32, or in float64 where it was: a loss is never computed in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def at_least_float64(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """``x`` in float64 where the device has it: for matrices that are nearly singular."""
    return at_least_float32(x) if x.device.type == "mps" else x.double()
