"""The cross-entropy method: sample plans, keep the best, refit, repeat."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning.elites import Gaussian, best_of, elite_count
from jepakit.planning.solver import Search, Solver, Start, at_least_one


class CEM(Solver):
    """Gaussian candidates, refitted to the elites.

    Source: V-JEPA 2, section 4.7 (K samples, elites, I iterations). Differs: candidates stay within
    the bounds; the mean and the best plan so far are candidates too; the best plan is returned.

    Args:
        space: the actions with their bounds.
        horizon: actions of a plan.
        samples: candidates of an iteration.
        elites: how many are kept, or which share below 1.
        iterations: rounds of sampling and refitting.
        std: initial standard deviation in halves of the range, one for all or one per action.
        min_std: floor of the standard deviation in halves of the range.
        momentum_mean: how much of the old mean a refit keeps, one for all or one per action.
        momentum_std: how much of the old standard deviation a refit keeps, likewise.
        keep_best: whether the mean and the best plan so far are evaluated again.
        held: values of the actions, by name, that are not searched.

    Raises:
        ValueError: a count, share or bound makes no sense.
    """

    def __init__(
        self,
        space: ActionSpace,
        *,
        horizon: int,
        samples: int = 500,
        elites: int | float = 0.1,
        iterations: int = 5,
        std: float | tuple[float, ...] = 0.5,
        min_std: float = 0.01,
        momentum_mean: float | tuple[float, ...] = 0.0,
        momentum_std: float | tuple[float, ...] = 0.0,
        keep_best: bool = True,
        held: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(space, horizon=horizon, iterations=iterations, held=held)
        at_least_one(samples=samples)
        self.samples = samples
        self.elites = elite_count(elites, samples)
        self.std = self.search_space.per_action(std)
        self.min_std = min_std
        self.momentum_mean = self.search_space.per_action(momentum_mean)
        self.momentum_std = self.search_space.per_action(momentum_std)
        self.keep_best = keep_best

    def search(self, start: Start) -> CEMSearch:
        """A new search."""
        return CEMSearch(self, start)


class CEMSearch(Search):
    """One search of :class:`CEM`."""

    def __init__(self, solver: CEM, start: Start) -> None:
        self.solver = solver
        self.noise = start.noise
        self.gaussian = Gaussian(start.mean, solver.std.to(start.mean).expand_as(start.mean))
        self.kept = start.candidates

    def propose(self) -> Float[Tensor, "p s h c"]:
        """Gaussian candidates, of which the first are the mean and what is kept."""
        points = self.gaussian.draw(self.noise, self.solver.samples)
        if self.solver.keep_best:
            kept = torch.cat([self.gaussian.mean.unsqueeze(1), self.kept], dim=1)
            points[:, : kept.shape[1]] = kept[:, : points.shape[1]]
        return points

    def learn(
        self, points: Float[Tensor, "p s h c"], costs: Float[Tensor, "p s"]
    ) -> Float[Tensor, "p e h c"]:
        """Refit to the elites; the best one is kept."""
        elites = best_of(points, costs, self.solver.elites)
        self.kept = elites[:, :1]
        self.gaussian = self.gaussian.refit(
            elites,
            momentum_mean=self.solver.momentum_mean.to(elites),
            momentum_std=self.solver.momentum_std.to(elites),
            min_std=self.solver.min_std,
        )
        return elites
