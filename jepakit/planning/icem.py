"""iCEM: correlated noise, elites that live on, and ever fewer samples."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning.elites import Gaussian, best_of, elite_count
from jepakit.planning.noise import colouring
from jepakit.planning.solver import Search, Solver, Start, at_least_one


class ICEM(Solver):
    """The cross-entropy method with noise of power ``1 / f^colour`` along the steps of a plan.

    A share of the elites is evaluated again in the next iteration. Between solves they live on as
    ``candidates``: ``solve(cost, candidates=shifted(plan.elites), ...)``; as many as that share of
    the elites are taken, best first.

    Source: Pinneri et al. 2020, Algorithm 1. Differs: the mean is a candidate of every iteration,
    not of the last alone; the best plan of all iterations is returned.

    Args:
        space: the actions with their bounds.
        horizon: actions of a plan.
        samples: fresh candidates of the first iteration.
        elites: how many are kept, or which share below 1 of ``samples``.
        iterations: rounds of sampling and refitting.
        colour: exponent of the noise's spectrum; 0 is white, 2 a random walk.
        decay: iteration ``i`` draws ``samples / decay^i``, at least twice the elites.
        reused: share of the elites that are evaluated again.
        std: initial standard deviation in halves of the range, one for all or one per action.
        min_std: floor of the standard deviation in halves of the range.
        momentum: how much of the old mean and standard deviation a refit keeps.
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
        colour: float = 2.0,
        decay: float = 1.25,
        reused: float = 0.3,
        std: float | tuple[float, ...] = 0.5,
        min_std: float = 0.01,
        momentum: float = 0.1,
        held: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(space, horizon=horizon, iterations=iterations, held=held)
        at_least_one(samples=samples)
        if decay < 1 or not 0 <= reused <= 1:
            raise ValueError(f"decay >= 1 and 0 <= reused <= 1 are needed: {decay}, {reused}.")
        self.samples = samples
        self.elites = elite_count(elites, samples)
        self.colouring = colouring(horizon, colour)
        self.decay = decay
        self.kept = math.ceil(reused * self.elites)
        self.std = self.search_space.per_action(std)
        self.min_std = min_std
        self.momentum = momentum

    def fresh(self, iteration: int) -> int:
        """How many candidates are drawn."""
        least = min(2 * self.elites, self.samples)
        return max(least, round(self.samples * self.decay**-iteration))

    def search(self, start: Start) -> ICEMSearch:
        """A new search."""
        return ICEMSearch(self, start)


class ICEMSearch(Search):
    """One search of :class:`ICEM`."""

    def __init__(self, solver: ICEM, start: Start) -> None:
        self.solver = solver
        self.noise = start.noise
        self.gaussian = Gaussian(start.mean, solver.std.to(start.mean).expand_as(start.mean))
        self.kept = start.candidates[:, : solver.kept]
        self.iteration = 0

    def propose(self) -> Float[Tensor, "p s h c"]:
        """The mean, the elites that live on, and fresh candidates."""
        mean = self.gaussian.mean
        white = self.noise.normal(self.solver.fresh(self.iteration), *mean.shape[1:])
        drawn = self.gaussian.shaped(self.solver.colouring.to(white) @ white)
        return torch.cat([mean.unsqueeze(1), self.kept, drawn], dim=1)

    def learn(
        self, points: Float[Tensor, "p s h c"], costs: Float[Tensor, "p s"]
    ) -> Float[Tensor, "p e h c"]:
        """Refit to the elites."""
        elites = best_of(points, costs, self.solver.elites)
        self.kept = elites[:, : self.solver.kept]
        self.iteration += 1
        momentum = self.solver.momentum
        self.gaussian = self.gaussian.refit(
            elites, momentum_mean=momentum, momentum_std=momentum, min_std=self.solver.min_std
        )
        return elites
