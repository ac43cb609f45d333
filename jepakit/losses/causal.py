"""Error of the predicted change that an intervention makes to what stayed visible."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from jepakit.batch import Packing
from jepakit.losses.averaging import at_least_float32, sample_mean


class CausalResidualLoss(nn.Module):
    """Squared error between predicted and true change of each context token.

    ``|r_j - sg(s_full_j - s_int_j)|^2`` per context token ``j``, averaged over each sample's
    tokens and then over the batch, in float32. Causal-JEPA, section 4.5, L_causal, with the
    averages of Algorithm 1, line 13.

    Args:
        reduction: over the ``d`` coordinates: ``sum`` is the paper's formula. ``mean`` keeps the
            loss independent of the encoder's width, and so small beside the others that a model
            learns next to nothing of effects (docs/ablations.md).
    """

    def __init__(self, reduction: Literal["mean", "sum"] = "sum") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(
        self,
        residual: Float[Tensor, "total d"],
        change: Float[Tensor, "total d"],
        packing: Packing,
    ) -> Float[Tensor, ""]:
        """The loss for ``change = s_full - s_int``; no gradient flows into ``change``."""
        error = (at_least_float32(residual) - at_least_float32(change.detach())).square()
        per_token = error.sum(dim=-1) if self.reduction == "sum" else error.mean(dim=-1)
        return sample_mean(per_token, packing)
