"""Losses on packed latents, and regularisers against collapse."""

from jepakit.losses.causal import CausalResidualLoss
from jepakit.losses.collapse import effective_rank, feature_std
from jepakit.losses.latent import LatentLoss
from jepakit.losses.sigreg import (
    LogDetSigReg,
    SigReg,
    SketchedSigReg,
    SmallBatchWarning,
    SpectralSigReg,
)

__all__ = [
    "CausalResidualLoss",
    "LatentLoss",
    "LogDetSigReg",
    "SigReg",
    "SketchedSigReg",
    "SmallBatchWarning",
    "SpectralSigReg",
    "effective_rank",
    "feature_std",
]
