"""Gradient descent on the actions through the model, with Adam, from several starts."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning.elites import Gaussian, best_of
from jepakit.planning.solver import Search, Solver, Start, at_least_one


class GradientDescent(Solver):
    """Adam on every plan of several starts, projected onto the bounds after each step.

    Every start moves on its own: ``x <- clip(x - rate m' / (sqrt(v') + eps))`` with the usual
    averages ``m`` and ``v`` of its own gradient. Steps are in halves of the range, so that actions
    of any unit move alike. The first start is the warm start; given candidates come next.

    Source: Adam (Kingma and Ba 2015). A gradient that is not finite counts as 0.

    Args:
        space: the actions with their bounds.
        horizon: actions of a plan.
        starts: plans that are improved side by side.
        iterations: steps of Adam, one evaluation each.
        rate: learning rate in halves of the range.
        betas: of Adam's averages.
        eps: of Adam.
        std: spread of the random starts in halves of the range, one for all or one per action.
        held: values of the actions, by name, that are not searched.

    Raises:
        ValueError: a count or bound makes no sense; when solving, costs have no gradient.
    """

    differentiates = True

    def __init__(
        self,
        space: ActionSpace,
        *,
        horizon: int,
        starts: int = 16,
        iterations: int = 50,
        rate: float = 0.05,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        std: float | tuple[float, ...] = 0.5,
        held: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(space, horizon=horizon, iterations=iterations, held=held)
        at_least_one(starts=starts)
        self.starts = starts
        self.rate = rate
        self.betas = betas
        self.eps = eps
        self.std = self.search_space.per_action(std)

    def search(self, start: Start) -> DescentSearch:
        """A new search."""
        return DescentSearch(self, start)


class DescentSearch(Search):
    """One search of :class:`GradientDescent`."""

    def __init__(self, solver: GradientDescent, start: Start) -> None:
        self.solver = solver
        spread = Gaussian(start.mean, solver.std.to(start.mean).expand_as(start.mean))
        points = spread.draw(start.noise, solver.starts)
        given = torch.cat([start.mean.unsqueeze(1), start.candidates], dim=1)
        points[:, : given.shape[1]] = given[:, : points.shape[1]]
        self.points = points
        self.first = torch.zeros_like(points)
        self.second = torch.zeros_like(points)
        self.steps = 0

    def propose(self) -> Float[Tensor, "p s h c"]:
        """The plans as they are."""
        return self.points.detach().requires_grad_()

    def learn(
        self, points: Float[Tensor, "p s h c"], costs: Float[Tensor, "p s"]
    ) -> Float[Tensor, "p e h c"]:
        """One step of Adam for every plan."""
        if not costs.requires_grad:
            raise ValueError(
                "Gradient descent needs costs that depend on the actions with a gradient: the "
                "cost detaches them or runs without gradient. Use CEM for such costs."
            )
        # Those that are not finite were replaced by a constant and send no gradient.
        (gradient,) = torch.autograd.grad(costs.sum(), points)
        with torch.no_grad():
            self.points = self._stepped(points, gradient.nan_to_num(0.0, 0.0, 0.0))
            return best_of(points.detach(), costs, self.solver.starts)

    def _stepped(self, points: Tensor, gradient: Tensor) -> Tensor:
        (one, two), self.steps = self.solver.betas, self.steps + 1
        self.first = self.first.lerp(gradient, 1 - one)
        self.second = self.second.lerp(gradient.square(), 1 - two)
        mean = self.first / (1 - one**self.steps)
        root = (self.second / (1 - two**self.steps)).sqrt()
        return (points - self.solver.rate * mean / (root + self.solver.eps)).clamp(-1, 1)
