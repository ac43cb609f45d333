"""The three terms of the objective, and their weighted sum."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class CausalJepaLosses:
    """``L = L_pred + lambda L_causal + mu L_sigreg`` (Causal-JEPA, section 4.5).

    Attributes:
        total: what is minimised.
        prediction: distance of the hidden tokens' predicted latents to the target encoder's.
        causal: error of the predicted change of the visible tokens; 0 where ``lambda`` is 0.
        sigreg: spread of the pooled context latents; 0 where ``mu`` is 0.
        segmentation: loss of learned slots; 0 where masks are given.
        fallback: share of samples without an eligible object.
        hidden: share of tokens that are hidden.
        pooled: mean context latent of each sample, for the collapse monitor and the online probe.
    """

    total: Float[Tensor, ""]
    prediction: Float[Tensor, ""]
    causal: Float[Tensor, ""]
    sigreg: Float[Tensor, ""]
    segmentation: Float[Tensor, ""]
    fallback: Float[Tensor, ""]
    hidden: Float[Tensor, ""]
    pooled: Float[Tensor, "b d"]

    def log(self) -> dict[str, Tensor]:
        """Scalars by name, on the device."""
        return {
            "prediction": self.prediction,
            "causal": self.causal,
            "sigreg": self.sigreg,
            "segmentation": self.segmentation,
            "mask_fallback": self.fallback,
            "mask_hidden": self.hidden,
        }
