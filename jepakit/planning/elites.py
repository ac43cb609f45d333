"""The best candidates of an iteration, and the normal distribution that they suggest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.planning.noise import Noise


def best_of(
    points: Float[Tensor, "p s h c"], costs: Float[Tensor, "p s"], count: int
) -> Float[Tensor, "p e h c"]:
    """The ``count`` candidates of lowest cost, best first; the best stands in for infinite ones."""
    lowest, index = costs.topk(min(count, costs.shape[1]), dim=1, largest=False)
    index = torch.where(lowest.isfinite(), index, index[:, :1])
    rows = torch.arange(len(points), device=points.device).unsqueeze(1)
    return points[rows, index]


def elite_count(elites: int | float, samples: int) -> int:
    """A count as it is, or the share below 1 of the samples, at least one.

    Raises:
        ValueError: no candidate is left, or more elites than samples.
    """
    count = max(1, round(elites * samples)) if 0 < elites < 1 else elites
    if count != int(count) or not 1 <= count <= samples:
        raise ValueError(
            f"elites must be a share below 1 or a whole number up to samples ({samples}), "
            f"got {elites}."
        )
    return int(count)


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of plans, independent in every step and action.

    Attributes:
        mean: of the plans.
        std: standard deviations.
    """

    mean: Float[Tensor, "p h c"]
    std: Float[Tensor, "p h c"]

    def draw(self, noise: Noise, samples: int) -> Float[Tensor, "p s h c"]:
        """Candidates; those that leave the cube are moved to its surface."""
        return self.shaped(noise.normal(samples, *self.mean.shape[1:]))

    def shaped(self, normal: Float[Tensor, "p s h c"]) -> Float[Tensor, "p s h c"]:
        """Candidates of given standard normal numbers, within the cube."""
        spread = normal * self.std.unsqueeze(1) + self.mean.unsqueeze(1)
        return spread.clamp_(-1, 1)

    def refit(
        self,
        elites: Float[Tensor, "p e h c"],
        *,
        momentum_mean: float | Float[Tensor, " c"] = 0.0,
        momentum_std: float | Float[Tensor, " c"] = 0.0,
        min_std: float = 0.0,
        unbiased: bool = False,
    ) -> Gaussian:
        """The distribution of the elites, mixed with this one: ``m old + (1 - m) new``.

        Args:
            elites: the best candidates.
            momentum_mean: how much of the old mean is kept.
            momentum_std: how much of the old standard deviation is kept.
            min_std: floor of the standard deviation.
            unbiased: divide by ``e - 1`` (0 for a single elite) rather than by ``e``.
        """
        correction = int(unbiased and elites.shape[1] > 1)
        new = elites.mean(dim=1), elites.std(dim=1, correction=correction)
        mean = momentum_mean * self.mean + (1 - momentum_mean) * new[0]
        std = momentum_std * self.std + (1 - momentum_std) * new[1]
        return Gaussian(mean, std.clamp(min=min_std))
