"""The cross-entropy method of the released V-JEPA 2-AC notebooks, step for step."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.actions import FRANKA
from jepakit.planning.elites import Gaussian, best_of, elite_count
from jepakit.planning.solver import Search, Solver, Start, at_least_one

GRIPPER_BOUND, GRIPPER_STD = 0.75, 1.0
DEAD_ZONE = 0.25


class ReleasedCEM(Solver):
    """Translation and gripper of the arm are searched, rotations are held at 0.

    The plan is the last mean, with gripper movements below 0.25 set to 0. It starts at mean 0 and
    a standard deviation of ``maxnorm`` (metres) and 1 (gripper), and refits with the unbiased
    standard deviation. There is no floor, and neither the mean nor the best is evaluated again.

    Source: the released notebooks (planning with V-JEPA 2-AC). Differs: each problem has its own
    random numbers, and a warm start replaces the mean of 0; a single elite has deviation 0.

    Args:
        horizon: actions of a plan (``rollout``).
        samples: candidates of an iteration.
        elites: how many are kept (``topk``).
        iterations: rounds of sampling and refitting (``cem_steps``).
        maxnorm: bound of a translation along each axis in metres.
        momentum_mean: how much of the old mean of translations a refit keeps.
        momentum_std: how much of their old standard deviation it keeps.
        momentum_mean_gripper: the same for the mean of the gripper.
        momentum_std_gripper: the same for its standard deviation.
    """

    def __init__(
        self,
        *,
        horizon: int = 2,
        samples: int = 400,
        elites: int = 10,
        iterations: int = 10,
        maxnorm: float = 0.05,
        momentum_mean: float = 0.15,
        momentum_std: float = 0.15,
        momentum_mean_gripper: float = 0.15,
        momentum_std_gripper: float = 0.15,
    ) -> None:
        bounds = (maxnorm,) * 3 + FRANKA.high[3:6] + (GRIPPER_BOUND,)
        space = dataclasses.replace(FRANKA, low=tuple(-x for x in bounds), high=bounds)
        rotations = dict.fromkeys(FRANKA.names[3:6], 0.0)
        super().__init__(space, horizon=horizon, iterations=iterations, held=rotations)
        at_least_one(samples=samples)
        self.samples = samples
        self.elites = elite_count(elites, samples)
        self.std = torch.tensor([1.0] * 3 + [GRIPPER_STD / GRIPPER_BOUND])
        self.momentum_mean = torch.tensor([momentum_mean] * 3 + [momentum_mean_gripper])
        self.momentum_std = torch.tensor([momentum_std] * 3 + [momentum_std_gripper])

    def search(self, start: Start) -> ReleasedSearch:
        """A new search."""
        return ReleasedSearch(self, start)


class ReleasedSearch(Search):
    """One search of :class:`ReleasedCEM`."""

    def __init__(self, solver: ReleasedCEM, start: Start) -> None:
        self.solver = solver
        self.noise = start.noise
        self.gaussian = Gaussian(start.mean, solver.std.to(start.mean).expand_as(start.mean))
        self.first = start.candidates

    def propose(self) -> Float[Tensor, "p s h c"]:
        """Gaussian candidates; given ones come before those of the first iteration."""
        drawn = self.gaussian.draw(self.noise, self.solver.samples)
        points = torch.cat([self.first, drawn], dim=1)
        self.first = self.first[:, :0]
        return points

    def learn(
        self, points: Float[Tensor, "p s h c"], costs: Float[Tensor, "p s"]
    ) -> Float[Tensor, "p e h c"]:
        """Refit to the elites; the plan is the new mean."""
        elites = best_of(points, costs, self.solver.elites)
        self.gaussian = self.gaussian.refit(
            elites,
            momentum_mean=self.solver.momentum_mean.to(elites),
            momentum_std=self.solver.momentum_std.to(elites),
            unbiased=True,
        )
        translation, gripper = self.gaussian.mean.split([3, 1], dim=-1)
        small = gripper.abs() < DEAD_ZONE / GRIPPER_BOUND
        self.answer = torch.cat([translation, gripper.masked_fill(small, 0.0)], dim=-1)
        return elites
