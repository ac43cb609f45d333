"""What happened in a search so far, and the best plan of it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.planning.plan import Plan
from jepakit.planning.search_space import SearchSpace


class SearchLog:
    """Collects one entry per iteration; points are those of the search's cube."""

    def __init__(self) -> None:
        self.iterations = 0
        self._best: Tensor | None = None
        self._cost: Tensor | None = None
        self._elites: Tensor | None = None
        self._lowest: list[Tensor] = []
        self._mean: list[Tensor] = []
        self._spread: list[Tensor] = []
        self._hits: list[Tensor] = []
        self._unusable: list[Tensor] = []
        self._candidates = 0
        self._horizon = 0

    def usable(self, costs: Float[Tensor, "p s"]) -> Float[Tensor, "p s"]:
        """Costs with infinity in place of everything that is not finite.

        Raises:
            ValueError: a problem has no finite cost at all.
        """
        finite = costs.isfinite()
        if not bool(finite.any(dim=1).all()):
            lost = (~finite.any(dim=1)).nonzero().flatten().tolist()
            raise ValueError(
                f"All {costs.shape[1]} candidates cost NaN or infinity in iteration "
                f"{self.iterations} of problems {lost}: look at the model's latents and the goal."
            )
        return costs.masked_fill(~finite, torch.inf)

    def add(
        self,
        points: Float[Tensor, "p s h c"],
        costs: Float[Tensor, "p s"],
        elites: Float[Tensor, "p e h c"],
    ) -> None:
        """Take in one iteration."""
        finite = costs.isfinite()
        lowest, index = costs.masked_fill(~finite, torch.inf).min(dim=1)
        winner = points[torch.arange(len(points), device=points.device), index]
        if self._best is None or self._cost is None:
            self._best, self._cost = winner, lowest
        else:
            better = lowest < self._cost
            self._best = torch.where(better[:, None, None], winner, self._best)
            self._cost = torch.where(better, lowest, self._cost)
        self._elites = elites
        self._lowest.append(self._cost)
        self._mean.append(costs.masked_fill(~finite, 0).sum(dim=1) / finite.sum(dim=1))
        self._spread.append(elites.std(dim=1, correction=0).mean(dim=(1, 2)))
        self._hits.append((points.abs() >= 1).sum(dim=(1, 2, 3)))
        self._unusable.append((~finite).sum(dim=1))
        self._candidates += points.shape[1]
        self._horizon = points.shape[2]
        self.iterations += 1

    def replace(self, answer: Float[Tensor, "p h c"], cost: Float[Tensor, " p"]) -> None:
        """Return this plan, evaluated once more, instead of the best one."""
        self._best, self._cost = answer, cost
        self._candidates += 1

    def plan(self, space: SearchSpace, *, seconds: float, stopped_early: bool) -> Plan:
        """The best plan in the units of the actions, with the record of the search."""
        assert self._best is not None
        assert self._cost is not None
        assert self._elites is not None
        numbers = self._candidates * self._best.shape[1] * self._best.shape[2]
        return Plan(
            actions=space.actions(self._best),
            cost=self._cost,
            cost_history=torch.stack(self._lowest, dim=1),
            mean_cost_history=torch.stack(self._mean, dim=1),
            elite_spread=torch.stack(self._spread, dim=1),
            elites=space.actions(self._elites),
            bound_hits=torch.stack(self._hits).sum(dim=0) / numbers,
            non_finite=torch.stack(self._unusable).sum(dim=0),
            model_calls=self._candidates * self._horizon,
            iterations=self.iterations,
            seconds=seconds,
            stopped_early=stopped_early,
        )
