"""Random shooting: evaluate random plans, keep the best; the control for every other planner."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning.elites import best_of, elite_count
from jepakit.planning.noise import Noise
from jepakit.planning.solver import Search, Solver, Start, at_least_one


class RandomShooting(Solver):
    """Plans drawn evenly between the bounds; nothing is learned from one iteration to the next.

    Args:
        space: the actions with their bounds.
        horizon: actions of a plan.
        samples: candidates of an iteration; the first are the warm start and the given candidates.
        iterations: rounds, which only bound how many candidates are in memory.
        elites: how many of the last round are returned, or which share below 1.
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
        iterations: int = 5,
        elites: int | float = 0.1,
        held: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(space, horizon=horizon, iterations=iterations, held=held)
        at_least_one(samples=samples)
        self.samples = samples
        self.elites = elite_count(elites, samples)

    def search(self, start: Start) -> ShootingSearch:
        """A new search."""
        return ShootingSearch(self, start)


class ShootingSearch(Search):
    """One search of :class:`RandomShooting`."""

    def __init__(self, solver: RandomShooting, start: Start) -> None:
        self.solver = solver
        self.noise: Noise = start.noise
        self.shape = start.mean.shape[1:]
        self.first = torch.cat([start.mean.unsqueeze(1), start.candidates], dim=1)

    def propose(self) -> Float[Tensor, "p s h c"]:
        """Plans anywhere in the cube."""
        points = 2 * self.noise.uniform(self.solver.samples, *self.shape) - 1
        given = self.first[:, : points.shape[1]]
        points[:, : given.shape[1]] = given
        self.first = self.first[:, :0]
        return points

    def learn(
        self, points: Float[Tensor, "p s h c"], costs: Float[Tensor, "p s"]
    ) -> Float[Tensor, "p e h c"]:
        """The best of this round."""
        return best_of(points, costs, self.solver.elites)
