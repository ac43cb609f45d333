"""The loop that every planner shares: propose, evaluate, learn; the best plan is never lost."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning.noise import Noise
from jepakit.planning.plan import Cost, Plan
from jepakit.planning.search_log import SearchLog
from jepakit.planning.search_space import SearchSpace
from jepakit.protocols import Seed


@dataclass(frozen=True)
class Start:
    """Where a search begins, as points of the cube.

    Attributes:
        noise: random numbers, one stream per problem.
        mean: the plan to search around; the middle of the bounds without a warm start.
        candidates: plans worth evaluating in the first iteration.
    """

    noise: Noise
    mean: Float[Tensor, "p h c"]
    candidates: Float[Tensor, "p e h c"]


class Search(ABC):
    """One search: what to evaluate next, and what follows from the costs."""

    answer: Float[Tensor, "p h c"] | None = None
    """A plan to return instead of the best one that was evaluated."""

    @abstractmethod
    def propose(self) -> Float[Tensor, "p s h c"]:
        """The next candidates, within the cube."""

    @abstractmethod
    def learn(
        self, points: Float[Tensor, "p s h c"], costs: Float[Tensor, "p s"]
    ) -> Float[Tensor, "p e h c"]:
        """Take in the costs of the candidates, infinite where unusable; the elites, best first."""


class Solver(ABC):
    """Finds plans of low cost within the bounds of the actions.

    Problems are solved side by side and do not touch each other: a problem's plan depends on its
    cost and its seed alone, not on the batch that it is in.

    Args:
        space: the actions with their bounds.
        horizon: actions of a plan.
        iterations: most rounds of proposing and learning.
        held: values of the actions, by name, that are not searched.

    Raises:
        ValueError: horizon or iterations are below 1, or see :class:`SearchSpace`.
    """

    differentiates = False
    """Whether costs need a gradient."""

    def __init__(
        self,
        space: ActionSpace,
        *,
        horizon: int,
        iterations: int,
        held: Mapping[str, float] | None = None,
    ) -> None:
        at_least_one(horizon=horizon, iterations=iterations)
        self.search_space = SearchSpace(space, held)
        self.horizon = horizon
        self.iterations = iterations

    @property
    def space(self) -> ActionSpace:
        """The actions with their bounds."""
        return self.search_space.space

    @abstractmethod
    def search(self, start: Start) -> Search:
        """A new search."""

    def solve(
        self,
        cost: Cost,
        *,
        seeds: Sequence[Seed] = ((0,),),
        warm_start: Float[Tensor, "p h a"] | None = None,
        candidates: Float[Tensor, "p e h a"] | None = None,
        budget_seconds: float | None = None,
        device: torch.device | str = "cpu",
        clock: Callable[[], float] = time.perf_counter,
    ) -> Plan:
        """Search until the iterations are done or the time is up.

        Args:
            cost: of candidates; NaN and infinity count as worst.
            seeds: one per problem, such as (run seed, episode, step).
            warm_start: plans to search around, such as the shifted rest of earlier plans.
            candidates: plans to evaluate in the first iteration, such as earlier elites.
            budget_seconds: no iteration starts that would probably end later; one always runs.
            device: of the actions given to ``cost``.
            clock: seconds since any moment.

        Raises:
            ValueError: a shape does not fit, or no candidate of a problem has a finite cost.
        """
        began = clock()
        search = self.search(self._start(seeds, warm_start, candidates, device))
        log = SearchLog()
        while log.iterations < self.iterations:
            with torch.set_grad_enabled(self.differentiates):
                points = search.propose()
                costs = self._costs(cost, points)
                elites = search.learn(points, log.usable(costs))
            log.add(points.detach(), costs.detach(), elites.detach())
            spent = clock() - began
            if budget_seconds is not None and spent * (1 + 1 / log.iterations) > budget_seconds:
                break
        stopped = log.iterations < self.iterations
        if search.answer is not None:
            with torch.no_grad():
                log.replace(search.answer, self._costs(cost, search.answer.unsqueeze(1))[:, 0])
        return log.plan(self.search_space, seconds=clock() - began, stopped_early=stopped)

    def _costs(self, cost: Cost, points: Float[Tensor, "p s h c"]) -> Float[Tensor, "p s"]:
        costs = cost(self.search_space.actions(points))
        if costs.shape != points.shape[:2]:
            raise ValueError(
                f"A cost must be one number for each of (p, s) = {tuple(points.shape[:2])} "
                f"plans, came {tuple(costs.shape)}."
            )
        return costs

    def _start(
        self,
        seeds: Sequence[Seed],
        warm_start: Tensor | None,
        candidates: Tensor | None,
        device: torch.device | str,
    ) -> Start:
        noise = Noise(seeds, device)
        expected = (len(seeds), self.horizon, len(self.space))
        mean = torch.zeros(len(seeds), self.horizon, len(self.search_space), device=noise.device)
        first = mean.unsqueeze(1)[:, :0]
        if warm_start is not None:
            if warm_start.shape != expected:
                raise ValueError(
                    f"warm_start must be (p, h, a) = {expected}, one plan per seed, came "
                    f"{tuple(warm_start.shape)}."
                )
            mean = self.search_space.points(warm_start.detach().to(mean))
        if candidates is not None:
            if candidates.shape[:1] + candidates.shape[2:] != expected:
                raise ValueError(
                    f"candidates must be (p, any, h, a) with (p, h, a) = {expected}, came "
                    f"{tuple(candidates.shape)}."
                )
            first = self.search_space.points(candidates.detach().to(mean))
        return Start(noise, mean, first)


def at_least_one(**counts: int) -> None:
    """Refuse counts below 1."""
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}.")
