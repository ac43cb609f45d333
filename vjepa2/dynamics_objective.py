"""How wrong a world model is about the next frames, and what training reports of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class DynamicsObjective:
    """``L = L_teacher_forced + w_rollout L_rollout + w_sigreg SIGReg + w_inverse L_inverse``.

    ``L_teacher_forced`` is the distance of every next frame predicted from true frames, and
    ``L_rollout = (1/H) sum_k discount^(k-1) distance_k`` that of ``H`` frames imagined one after
    the other from the first frame alone. The last two are for encoders that learn: SIGReg keeps
    latents apart, and the action has to be seen in the latents before and after it, so that an
    agent that is small in the picture is not left out of them.

    Source: V-JEPA 2-AC, section 3.2, with L1 and ``H = 2`` as released; V-JEPA 2, section 4.6, for
    squares, longer horizons and the discount; Terver et al. 2026 (eb_jepa) for ``L_inverse``.

    Args:
        power: 1 for mean absolute, 2 for mean square distances.
        rollout: ``H``; 0 leaves the term out.
        rollout_starts: from which frames of a window it starts: the ``first`` one, as released, or
            ``every`` one that has ``H`` frames after it.
        rollout_weight: ``w_rollout``.
        discount: of later frames.
        sigreg_weight: ``w_sigreg``.
        inverse_weight: ``w_inverse``.
    """

    power: Literal[1, 2] = 1
    rollout: int = 2
    rollout_starts: Literal["first", "every"] = "first"
    rollout_weight: float = 1.0
    discount: float = 1.0
    sigreg_weight: float = 0.0
    inverse_weight: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no training can mean."""
        if self.rollout < 0 or not 0 < self.discount <= 1:
            raise ValueError(
                f"rollout must be 0 or more and discount in (0, 1], got {self.rollout} and "
                f"{self.discount}."
            )
        if min(self.rollout_weight, self.sigreg_weight, self.inverse_weight) < 0:
            raise ValueError("Weights of losses must not be negative.")

    def starts(self, frames: int) -> int:
        """From how many frames of a window rollouts start."""
        return 1 if self.rollout_starts == "first" else frames - self.rollout

    def distance(
        self, predicted: Float[Tensor, "b t n d"], target: Float[Tensor, "b t n d"]
    ) -> Float[Tensor, " t"]:
        """Mean distance at every frame."""
        error = (predicted - target).abs()
        error = error if self.power == 1 else error.square()
        return error.mean(dim=(0, 2, 3))

    def discounted(self, distances: Float[Tensor, " t"]) -> Float[Tensor, ""]:
        """``(1/H) sum_k discount^(k-1) distance_k``."""
        steps = torch.arange(len(distances), device=distances.device)
        return (distances * self.discount**steps).mean()


@dataclass(frozen=True)
class DynamicsLosses:
    """Terms of :class:`DynamicsObjective`.

    Attributes:
        total: what is minimised.
        teacher_forced: next frames from true frames.
        rollout: imagined frames; 0 without the term.
        sigreg: the regulariser; 0 without it.
        inverse: mean square error of actions read from latents, in halves of their range; 0
            without the term.
        copied: distance of each frame to the one before it, what a model that copies would get.
        pooled: mean latent of each window, for the collapse monitor.
    """

    total: Float[Tensor, ""]
    teacher_forced: Float[Tensor, ""]
    rollout: Float[Tensor, ""]
    sigreg: Float[Tensor, ""]
    inverse: Float[Tensor, ""]
    copied: Float[Tensor, ""]
    pooled: Float[Tensor, "b d"]

    def log(self) -> dict[str, Tensor]:
        """Scalars by name; ``over_copy`` below 1 is better than copying the last frame."""
        return {
            "teacher_forced": self.teacher_forced,
            "rollout": self.rollout,
            "sigreg": self.sigreg,
            "inverse": self.inverse,
            "copied": self.copied,
            "over_copy": self.teacher_forced / self.copied.clamp(min=1e-12),
        }
