"""What a planner returns: the plan, how the search went, and what it cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

Cost = Callable[[Float[Tensor, "p s h a"]], Float[Tensor, "p s"]]
"""How bad each of ``s`` plans of ``h`` actions is, for ``p`` problems; lower is better."""


@dataclass(frozen=True)
class Plan:
    """The best plans of ``p`` problems; actions are in the units of the action space.

    Attributes:
        actions: the best plan that was ever evaluated, of all iterations.
        cost: of ``actions``.
        cost_history: lowest cost so far, after each iteration.
        mean_cost_history: mean of the finite costs of each iteration's candidates.
        elite_spread: standard deviation of each iteration's elites, mean over steps and actions, in
            halves of the range between the bounds.
        elites: the best candidates of the last iteration, best first.
        bound_hits: share of the candidates' numbers that lay on a bound, over all iterations.
        non_finite: how many candidates cost NaN or infinity, over all iterations.
        model_calls: imagined steps of each problem: candidates times horizon.
        iterations: how many were done.
        seconds: wall time of the search.
        stopped_early: whether the time was up before the last iteration.
    """

    actions: Float[Tensor, "p h a"]
    cost: Float[Tensor, " p"]
    cost_history: Float[Tensor, "p i"]
    mean_cost_history: Float[Tensor, "p i"]
    elite_spread: Float[Tensor, "p i"]
    elites: Float[Tensor, "p e h a"]
    bound_hits: Float[Tensor, " p"]
    non_finite: Int[Tensor, " p"]
    model_calls: int
    iterations: int
    seconds: float
    stopped_early: bool


def shifted(
    actions: Float[Tensor, "*p h a"], executed: int = 1, *, pad: Float[Tensor, " a"] | None = None
) -> Float[Tensor, "*p h a"]:
    """What is left of plans after some of their actions were executed, filled up at the end.

    Args:
        actions: plans, such as ``plan.actions`` or ``plan.elites``.
        executed: number of actions that are over.
        pad: the actions at the end; the last one repeats by default.

    Raises:
        ValueError: more actions were executed than there are.
    """
    horizon = actions.shape[-2]
    if not 0 <= executed <= horizon:
        raise ValueError(f"A plan of {horizon} actions cannot have executed {executed} of them.")
    last = actions[..., -1:, :] if pad is None else pad.expand_as(actions[..., -1:, :])
    tail = last.expand(*actions.shape[:-2], executed, actions.shape[-1])
    return torch.cat([actions[..., executed:, :], tail], dim=-2)
