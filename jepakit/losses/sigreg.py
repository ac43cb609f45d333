"""Regularisers that keep a batch of pooled features spread out: one interface, three kinds.

All act on one vector per sample, ``(b, d)``, outside autocast, and on the joined batch of all
ranks: value and gradient under DDP are those of one process (see :mod:`jepakit.distributed`), also
where ranks hold unequally many samples. The kinds that invert a covariance compute in float64:
that of fewer samples than ``d`` is singular, and in float32 the order of sums would show in the
third digit of the gradient.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from jepakit.distributed import all_reduce_sum, is_distributed, total_count, world_size
from jepakit.losses.averaging import at_least_float32, at_least_float64
from jepakit.losses.epps_pulley import characteristic_sums, epps_pulley, unit_directions
from jepakit.losses.log_determinant import log_determinant
from jepakit.losses.moments import gram, joined_covariance, joined_mean
from jepakit.seeds import generator


class SmallBatchWarning(UserWarning):
    """The joined batch is too small for the regulariser's floor to be near zero."""


class SigReg(nn.Module, ABC):
    """A penalty on how far a batch of features is from well spread."""

    def __init__(self) -> None:
        super().__init__()
        self._warned = False

    def forward(self, features: Float[Tensor, "b d"], *, step: int = 0) -> Float[Tensor, ""]:
        """The penalty of the joined batch of all ranks, the same number on each.

        Args:
            features: one vector per sample.
            step: global step; kinds that draw at random draw the same on all ranks from it.

        Raises:
            ValueError: the joined batch holds a single sample.
        """
        total = features.shape[0] * world_size()
        if total < 2:
            raise ValueError(
                f"SIGReg compares samples with each other and needs at least 2, got a batch of "
                f"{total}: raise batch_size, or set the weight of this term to 0."
            )
        with torch.autocast(features.device.type, enabled=False):
            return self._penalty(self._widened(features), step).to(at_least_float32(features).dtype)

    def _widened(self, features: Tensor) -> Tensor:
        return at_least_float32(features)

    @abstractmethod
    def _penalty(self, features: Float[Tensor, "b d"], step: int) -> Float[Tensor, ""]: ...

    def _warn_below(self, needed: int, features: Tensor, why: str) -> None:
        total, width = features.shape[0] * world_size(), features.shape[1]
        if total < needed and not self._warned:
            self._warned = True
            message = f"{type(self).__name__} on {total} samples of width {width}: {why}"
            warnings.warn(message, SmallBatchWarning, stacklevel=2)


class SpectralSigReg(SigReg):
    """KL of the normalised singular values against uniform, with a floor under the variance.

    ``KL(sigma / sum(sigma) || 1/r)``, ``sigma`` the singular values of the centred features and
    ``r = min(B - 1, D)`` the most that can differ from zero. They are roots of the eigenvalues of
    the smaller Gram matrix, since the gradient of a full SVD is NaN where the rank is deficient.

    Causal-JEPA, section 4.5, L_SIGReg. Differs: uniform is ``1/r``, not ``1/D``. That formula is
    blind to scale (a batch shrunk by 1e-4 scores the same), so that ``variance_weight * mean_d
    relu(variance_floor - std_d)`` is added. A true Gaussian batch still scores 0.112 at B = 128,
    D = 192 and 0.025 at B = 1024: the spread of a finite batch's spectrum, hence the warning below
    8 D samples. On CUDA ``eigvalsh`` itself waits for the device (it checks convergence); the other
    kinds never do.

    Args:
        variance_weight: weight of the floor term; 0 gives the paper's formula alone.
        variance_floor: standard deviation of a feature below which it is pushed up.
        epsilon: added to the eigenvalues, relative to the mean of the ``r`` that can be above 0.
    """

    def __init__(
        self,
        *,
        variance_weight: float = 1.0,
        variance_floor: float = 1.0,
        epsilon: float = 1e-6,
    ) -> None:
        super().__init__()
        if variance_weight < 0 or variance_floor < 0:
            raise ValueError(
                f"variance_weight ({variance_weight}) and variance_floor ({variance_floor}) "
                "must not be negative."
            )
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0, got {epsilon}.")
        self.variance_weight = variance_weight
        self.variance_floor = variance_floor
        self.epsilon = epsilon

    def _widened(self, features: Tensor) -> Tensor:
        return at_least_float64(features)

    def _penalty(self, features: Float[Tensor, "b d"], step: int) -> Float[Tensor, ""]:
        del step  # nothing is drawn
        batch, width = features.shape
        self._warn_below(
            8 * width,
            features,
            f"below {8 * width} even a perfect Gaussian batch is penalised. Use a larger batch, a "
            "narrower projection, or the sketched or logdet kind.",
        )
        centred = features - joined_mean(features)
        if batch <= width and not is_distributed():
            products, variance = gram(centred.T) / batch, centred.square().mean(dim=0)
        else:
            products = joined_covariance(centred)
            variance = products.diagonal()
        bound = (total_count(batch, features) - 1).clamp(max=width).to(features.dtype)
        floor = F.relu(self.variance_floor - (variance + self.epsilon**2).sqrt()).mean()
        return self._divergence(products, bound) + self.variance_weight * floor

    def _divergence(
        self, products: Float[Tensor, "side side"], bound: Float[Tensor, ""]
    ) -> Float[Tensor, ""]:
        # eigvalsh raises on NaN; a NaN loss is for the training loop's guard, which names the step.
        side = len(products)
        finite = products.isfinite().all()
        safe = torch.where(
            finite, products, torch.eye(side, dtype=products.dtype, device=products.device)
        )
        spectrum = torch.linalg.eigvalsh(safe).clamp(min=0)
        # The absolute part bounds the gradient of a batch that has shrunk to a point.
        sigma = (spectrum + self.epsilon * products.trace() / bound + self.epsilon**2).sqrt()
        place = torch.arange(side, 0, -1, device=products.device)
        possible = place <= bound
        share = torch.where(possible, sigma, 0)
        share = share / share.sum()
        entropy = -(share * torch.where(possible, share, 1).log()).sum()
        return torch.where(finite, bound.log() - entropy, math.nan)


class SketchedSigReg(SigReg):
    """Epps-Pulley distance from the standard normal, averaged over random directions.

    For unit directions ``a_k`` redrawn at every step from a generator seeded by the step, equal on
    all ranks: ``mean_k int |phi_k(t) - exp(-t^2/2)|^2 exp(-t^2/2) dt``, with ``phi_k`` the
    empirical characteristic function of ``z . a_k`` over the joined batch.

    LeJEPA (SIGReg). Differs: the published form carries a factor ``B``, which ties the weight of
    the term to the batch size; ``per_sample`` leaves it out. A perfect Gaussian batch scores
    ``1.05 / B`` and exact collapse 0.402 (1.05 and ``0.402 B`` in the published form). Exact
    collapse is a stationary point: never start from a projector that is zero.

    Args:
        directions: how many directions are drawn per step.
        normalize: ``per_sample``, or ``published`` for the factor ``B``.
    """

    def __init__(
        self,
        *,
        directions: int = 256,
        normalize: Literal["per_sample", "published"] = "per_sample",
    ) -> None:
        super().__init__()
        if directions < 1:
            raise ValueError(f"directions must be at least 1, got {directions}.")
        self.directions = directions
        self.normalize = normalize

    def _penalty(self, features: Float[Tensor, "b d"], step: int) -> Float[Tensor, ""]:
        axes = unit_directions(
            features.shape[1],
            self.directions,
            generator=generator("sigreg", step, device=features.device),
            dtype=features.dtype,
        )
        count = total_count(features.shape[0], features).to(features.dtype)
        cosine, sine = (all_reduce_sum(characteristic_sums(features, axes)) / count).unbind()
        distance = epps_pulley(cosine, sine).mean()
        return distance * count if self.normalize == "published" else distance


class LogDetSigReg(SigReg):
    """KL from the Gaussian with the batch's mean and covariance to the standard normal.

    ``0.5 (tr S + |m|^2 - D - log det S)``: aware of scale and of mean, and the cheapest of the
    three. Under the logarithm ``S`` carries a ridge ``epsilon (1 + tr S / D)``; with fewer samples
    than ``D`` each missing direction counts the ``log`` of that ridge.

    Args:
        epsilon: ridge on the diagonal of ``S``.
    """

    def __init__(self, *, epsilon: float = 1e-4) -> None:
        super().__init__()
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0, got {epsilon}.")
        self.epsilon = epsilon

    def _widened(self, features: Tensor) -> Tensor:
        return at_least_float64(features)

    def _penalty(self, features: Float[Tensor, "b d"], step: int) -> Float[Tensor, ""]:
        del step  # nothing is drawn
        batch, width = features.shape
        self._warn_below(
            width + 1,
            features,
            "the covariance is singular and its ridge decides the value. Use a larger batch, a "
            "narrower projection, or the sketched kind.",
        )
        mean = joined_mean(features)
        centred = features - mean
        if batch < width and not is_distributed():
            products, missing = gram(centred.T) / batch, width - batch
        else:
            products, missing = joined_covariance(centred), 0
        trace = products.trace()
        ridge = self.epsilon * (1 + trace / width)
        eye = torch.eye(len(products), dtype=products.dtype, device=products.device)
        log_det = log_determinant(products + ridge * eye) + missing * ridge.log()
        return 0.5 * (trace + mean.square().sum() - width - log_det)
