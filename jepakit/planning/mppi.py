"""MPPI: candidates weighed by their cost, and a spread that follows the weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning.elites import Gaussian, best_of, elite_count
from jepakit.planning.solver import Search, Solver, Start, at_least_one


class MPPI(Solver):
    """Model predictive path integral control with a refitted spread.

    The elites weigh ``w = softmax(-(cost - lowest) / (temperature * scale))``, where ``scale`` is
    the mean excess of the elites' costs over the lowest, so that no unit of the cost matters. The
    mean becomes ``sum w x`` and the variance ``sum w (x - mean)^2``, with a floor.

    Source: Williams et al. 2017; the refitted spread as in TD-MPC2 (Hansen et al. 2024). Differs:
    costs are normalised; the mean and the best plan are candidates; the best plan is returned.

    Args:
        space: the actions with their bounds.
        horizon: actions of a plan.
        samples: candidates of an iteration.
        elites: how many have a weight, or which share below 1; ``samples`` weighs all.
        iterations: rounds of sampling and weighing.
        temperature: of the weights; towards 0 only the best counts, towards infinity all alike.
        std: initial standard deviation in halves of the range, one for all or one per action.
        min_std: floor of the standard deviation in halves of the range.
        momentum: how much of the old mean is kept.
        held: values of the actions, by name, that are not searched.

    Raises:
        ValueError: a count, share, temperature or bound makes no sense.
    """

    def __init__(
        self,
        space: ActionSpace,
        *,
        horizon: int,
        samples: int = 500,
        elites: int | float = 0.1,
        iterations: int = 5,
        temperature: float = 0.5,
        std: float | tuple[float, ...] = 0.5,
        min_std: float = 0.01,
        momentum: float = 0.0,
        held: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(space, horizon=horizon, iterations=iterations, held=held)
        at_least_one(samples=samples)
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, got {temperature}.")
        self.samples = samples
        self.elites = elite_count(elites, samples)
        self.temperature = temperature
        self.std = self.search_space.per_action(std)
        self.min_std = min_std
        self.momentum = momentum

    def search(self, start: Start) -> MPPISearch:
        """A new search."""
        return MPPISearch(self, start)


class MPPISearch(Search):
    """One search of :class:`MPPI`."""

    def __init__(self, solver: MPPI, start: Start) -> None:
        self.solver = solver
        self.noise = start.noise
        self.gaussian = Gaussian(start.mean, solver.std.to(start.mean).expand_as(start.mean))
        self.kept = start.candidates

    def propose(self) -> Float[Tensor, "p s h c"]:
        """Gaussian candidates, of which the first are the mean and the best one."""
        points = self.gaussian.draw(self.noise, self.solver.samples)
        kept = torch.cat([self.gaussian.mean.unsqueeze(1), self.kept], dim=1)
        points[:, : kept.shape[1]] = kept[:, : points.shape[1]]
        return points

    def learn(
        self, points: Float[Tensor, "p s h c"], costs: Float[Tensor, "p s"]
    ) -> Float[Tensor, "p e h c"]:
        """Weigh the elites, and refit mean and spread to the weights."""
        elites = best_of(points, costs, self.solver.elites)
        self.kept = elites[:, :1]
        lowest = costs.topk(elites.shape[1], dim=1, largest=False).values
        weight = weights(lowest, self.solver.temperature)[..., None, None]
        new = (weight * elites).sum(dim=1)
        variance = (weight * (elites - new.unsqueeze(1)).square()).sum(dim=1)
        momentum = self.solver.momentum
        mean = momentum * self.gaussian.mean + (1 - momentum) * new
        self.gaussian = Gaussian(mean, variance.sqrt().clamp(min=self.solver.min_std))
        return elites


def weights(costs: Float[Tensor, "p e"], temperature: float) -> Float[Tensor, "p e"]:
    """Weights that add up to 1, whatever the unit of the costs; infinite costs have none."""
    excess = costs - costs.min(dim=1, keepdim=True).values
    finite = excess.isfinite()
    scale = excess.masked_fill(~finite, 0).sum(dim=1, keepdim=True) / finite.sum(1, keepdim=True)
    tiny = torch.finfo(costs.dtype).tiny
    return torch.softmax(-excess / (temperature * scale).clamp(min=tiny), dim=1)
