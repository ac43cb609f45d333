"""Distance between predicted latents and the target encoder's."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from jepakit.batch import Packing
from jepakit.losses.averaging import at_least_float32, sample_mean


class LatentLoss(nn.Module):
    """Smooth l1 distance of each masked token, averaged per sample and then over the batch.

    ``norm`` is the paper's: with ``r = |z|_2`` of the token's error ``z``, ``r^2 / (2 beta)`` below
    ``beta`` and ``r - beta / 2`` above. ``elementwise`` is the usual one: the same function of each
    of the ``d`` coordinates, averaged over them. Both are computed in float32.

    Causal-JEPA, section 4.5, L_pred, with the averages of Algorithm 1, line 12. Differs: targets
    are layer-normalised (without affine) by default, as in V-JEPA 2.

    Args:
        form: ``norm`` (the paper's) or ``elementwise``.
        beta: error at which the square turns into a straight line, in units of the latents.
        target_norm: ``layer`` normalises each target token to mean 0 and variance 1; ``none`` does
            not.
    """

    def __init__(
        self,
        form: Literal["norm", "elementwise"] = "norm",
        *,
        beta: float = 1.0,
        target_norm: Literal["layer", "none"] = "layer",
    ) -> None:
        super().__init__()
        if not beta > 0:
            raise ValueError(f"beta must be above 0, got {beta}.")
        self.form = form
        self.beta = beta
        self.target_norm = target_norm

    def forward(
        self,
        predicted: Float[Tensor, "total d"],
        target: Float[Tensor, "total d"],
        packing: Packing,
    ) -> Float[Tensor, ""]:
        """The loss; no gradient flows into ``target``."""
        return sample_mean(self.tokens(predicted, target), packing)

    def tokens(
        self, predicted: Float[Tensor, "total d"], target: Float[Tensor, "total d"]
    ) -> Float[Tensor, " total"]:
        """The distance of each token, before it is averaged; no gradient flows into ``target``."""
        goal = at_least_float32(target.detach())
        if self.target_norm == "layer":
            goal = F.layer_norm(goal, goal.shape[-1:])
        return self._distance(at_least_float32(predicted), goal)

    def _distance(
        self, predicted: Float[Tensor, "total d"], target: Float[Tensor, "total d"]
    ) -> Float[Tensor, " total"]:
        if self.form == "elementwise":
            error = F.smooth_l1_loss(predicted, target, reduction="none", beta=self.beta)
            return error.mean(dim=-1)
        square = (predicted - target).square().sum(dim=-1)
        # The root of the branch not taken is kept away from 0, where its gradient is infinite.
        root = square.clamp(min=self.beta**2).sqrt()
        return torch.where(square < self.beta**2, square / (2 * self.beta), root - self.beta / 2)
