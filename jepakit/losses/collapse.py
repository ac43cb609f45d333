"""Diagnostics of collapse: how many directions a batch of features uses, and how far it spreads."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.losses.averaging import at_least_float32


@torch.no_grad()
def effective_rank(features: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """Number of directions in use: the exponential of the entropy of the singular values.

    ``exp(-sum_k p_k log p_k)``, ``p = sigma / sum(sigma)``, between 1 and ``min(B - 1, D)``; a
    batch without spread scores 1. RankMe (Garrido et al. 2023). Differs: features are centred, so
    that a shared offset does not read as collapse, and singular values at rounding level count as
    zero.
    """
    values = at_least_float32(features)
    centred = values - values.mean(dim=0)
    sigma = torch.linalg.svdvals(centred)
    noise = torch.finfo(values.dtype).eps * max(values.shape) * values.abs().max()
    sigma = torch.where(sigma > noise, sigma, 0)
    share = sigma / sigma.sum().clamp(min=torch.finfo(values.dtype).tiny)
    return torch.special.entr(share).sum().exp()


@torch.no_grad()
def feature_std(features: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """Standard deviation over the batch, averaged over the ``d`` features; 0 means collapse."""
    return at_least_float32(features).std(dim=0, correction=0).mean()
