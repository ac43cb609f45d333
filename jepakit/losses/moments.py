"""First and second moments of features over the joined batch of all ranks, with gradient."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from jepakit.distributed import all_reduce_sum, total_count


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
    return all_reduce_sum(centred.T @ centred) / count
