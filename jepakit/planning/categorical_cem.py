"""The cross-entropy method for discrete actions, one of several choices per step."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning.elites import best_of, elite_count
from jepakit.planning.solver import Search, Solver, Start, at_least_one


class CategoricalCEM(Solver):
    """Actions are one-hot vectors; each step has its own probabilities, refitted to the elites.

    New probabilities are ``m old + (1 - m) share among the elites``, mixed with ``smoothing`` of
    the uniform distribution so that no choice is lost for good. A warm start of one-hot plans
    begins at ``1 - warm_doubt`` for its choices.

    Source: Rubinstein and Kroese 2004, section 4.

    Args:
        space: one action per choice, each from 0 to 1.
        horizon: actions of a plan.
        samples: candidates of an iteration.
        elites: how many are kept, or which share below 1.
        iterations: rounds of sampling and refitting.
        momentum: how much of the old probabilities a refit keeps.
        smoothing: share of the uniform distribution in new probabilities.
        warm_doubt: probability shared by all choices under a warm start.

    Raises:
        ValueError: a count or share makes no sense, or the space is not one of choices.
    """

    def __init__(
        self,
        space: ActionSpace,
        *,
        horizon: int,
        samples: int = 500,
        elites: int | float = 0.1,
        iterations: int = 5,
        momentum: float = 0.0,
        smoothing: float = 0.02,
        warm_doubt: float = 0.5,
    ) -> None:
        super().__init__(space, horizon=horizon, iterations=iterations)
        if {*space.low} != {0.0} or {*space.high} != {1.0}:
            raise ValueError(
                "Discrete actions are one-hot: each bound must be 0 and 1, came "
                f"{space.low} and {space.high}."
            )
        at_least_one(samples=samples)
        self.samples = samples
        self.elites = elite_count(elites, samples)
        self.momentum = momentum
        self.smoothing = smoothing
        self.warm_doubt = warm_doubt

    def search(self, start: Start) -> CategoricalSearch:
        """A new search."""
        return CategoricalSearch(self, start)


class CategoricalSearch(Search):
    """One search of :class:`CategoricalCEM`; a point is +1 at the choice and -1 elsewhere."""

    def __init__(self, solver: CategoricalCEM, start: Start) -> None:
        self.solver = solver
        self.noise = start.noise
        self.choices = start.mean.shape[-1]
        likely = (start.mean + 1) / 2  # all alike at the middle, where there is no warm start
        self.probabilities = likely / likely.sum(dim=-1, keepdim=True)
        self.probabilities = self._mixed(self.probabilities, solver.warm_doubt)
        self.kept = start.candidates

    def propose(self) -> Float[Tensor, "p s h c"]:
        """Drawn choices, of which the first are the likeliest plan and the best one."""
        likeliest = one_hot(self.probabilities.argmax(dim=-1), self.choices)
        kept = torch.cat([likeliest.unsqueeze(1), self.kept], dim=1)
        draws = self.noise.uniform(self.solver.samples, self.probabilities.shape[1])
        reached = self.probabilities.cumsum(dim=-1).unsqueeze(1) <= draws.unsqueeze(-1)
        points = one_hot(reached.sum(dim=-1).clamp(max=self.choices - 1), self.choices)
        points[:, : kept.shape[1]] = kept[:, : points.shape[1]]
        return points

    def learn(
        self, points: Float[Tensor, "p s h c"], costs: Float[Tensor, "p s"]
    ) -> Float[Tensor, "p e h c"]:
        """Refit the probabilities to the elites."""
        elites = best_of(points, costs, self.solver.elites)
        self.kept = elites[:, :1]
        share = ((elites + 1) / 2).mean(dim=1)
        momentum = self.solver.momentum
        mixed = momentum * self.probabilities + (1 - momentum) * share
        self.probabilities = self._mixed(mixed, self.solver.smoothing)
        return elites

    def _mixed(self, probabilities: Tensor, uniform: float) -> Tensor:
        return (1 - uniform) * probabilities + uniform / self.choices


def one_hot(choice: Int[Tensor, "*p h"], choices: int) -> Float[Tensor, "*p h c"]:
    """Points of the cube for choices."""
    return 2.0 * F.one_hot(choice, choices).float() - 1.0
