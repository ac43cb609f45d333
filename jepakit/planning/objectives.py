"""What a plan should achieve: distance of imagined latents to a goal, and effort of the actions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.losses.averaging import at_least_float32


class Objective(ABC):
    """A cost that adds up over the imagined steps, so that no trajectory needs to be kept."""

    @abstractmethod
    def of_step(
        self,
        step: int,
        latents: Float[Tensor, "p s n d"],
        goal: Float[Tensor, "p n d"],
        actions: Float[Tensor, "p s h a"],
    ) -> Float[Tensor, "p s"]:
        """The share of one step: ``latents`` are those after ``actions[:, :, step]``."""

    def __call__(
        self,
        trajectory: Iterable[Float[Tensor, "p s n d"]],
        goal: Float[Tensor, "p n d"],
        actions: Float[Tensor, "p s h a"],
    ) -> Float[Tensor, "p s"]:
        """Cost of plans.

        Args:
            trajectory: latents after each action, see :func:`jepakit.planning.imagine`.
            goal: latents of the goal, finite: see :func:`check_goal`.
            actions: the plans.

        Raises:
            ValueError: the goal's shape is not that of the latents.
        """
        total = at_least_float32(actions).new_zeros(actions.shape[:2])
        for step, latents in enumerate(trajectory):
            if latents.shape[2:] != goal.shape[1:]:
                raise ValueError(
                    f"Goal latents must be (p, n, d) = {(len(latents), *latents.shape[2:])} as "
                    f"the imagined ones, came {tuple(goal.shape)}."
                )
            total = total + self.of_step(step, latents, goal, actions)
        return total


def check_goal(goal: Float[Tensor, "p n d"]) -> None:
    """Refuse what nothing can be compared to; the one place where judging waits for the device.

    Raises:
        ValueError: a goal is not finite.
    """
    if not bool(goal.isfinite().all()):
        lost = (~goal.isfinite().flatten(1).all(dim=1)).nonzero().flatten().tolist()
        raise ValueError(f"Goals {lost} hold NaN or infinity: no plan can be compared to them.")


class GoalDistance(Objective):
    """Mean distance of the tokens to those of the goal.

    ``l1`` is the mean of ``|z - g|`` over tokens and width, ``l2`` the mean of ``(z - g)^2``, and
    ``cosine`` the mean of ``1 - cos(z, g)`` over tokens; none grows with tokens or width.

    Source: V-JEPA 2, section 4.7 (``l2``, ``last``); its released planner uses ``l1``.

    Args:
        kind: of distance.
        when: after the ``last`` action, or the ``sum`` over all steps.
        discount: step ``i`` of a sum weighs ``discount^i``.
        token_weights: how much each token counts, for all problems or for each, such as the
            coverage of one object in the goal image; only their ratios matter.

    Raises:
        ValueError: weights are negative, not finite, or all zero for a problem.
    """

    def __init__(
        self,
        kind: Literal["l1", "l2", "cosine"] = "l2",
        *,
        when: Literal["last", "sum"] = "last",
        discount: float = 1.0,
        token_weights: Float[Tensor, "*p n"] | None = None,
    ) -> None:
        if token_weights is not None:
            total = token_weights.sum(dim=-1, keepdim=True)
            if not bool(
                (token_weights >= 0).all() and (total > 0).all() and total.isfinite().all()
            ):
                raise ValueError(
                    "token_weights must be finite, not negative, and above 0 for some token of "
                    "each problem: an object that the goal does not show cannot be compared."
                )
            token_weights = token_weights / total
        self.kind = kind
        self.when = when
        self.discount = discount
        self.token_weights = token_weights

    def of_step(
        self,
        step: int,
        latents: Float[Tensor, "p s n d"],
        goal: Float[Tensor, "p n d"],
        actions: Float[Tensor, "p s h a"],
    ) -> Float[Tensor, "p s"]:
        """Distance after the step, 0 before the last where that alone counts."""
        if self.when == "last":
            if step < actions.shape[2] - 1:
                return latents.new_zeros(latents.shape[:2])
            return self.distance(latents, goal)
        return self.discount**step * self.distance(latents, goal)

    def distance(
        self, latents: Float[Tensor, "p s n d"], goal: Float[Tensor, "p n d"]
    ) -> Float[Tensor, "p s"]:
        """Weighted mean over tokens of their distance, in float32."""
        per_token = self._per_token(at_least_float32(latents), at_least_float32(goal).unsqueeze(1))
        if self.token_weights is None:
            return per_token.mean(dim=-1)
        weights = self.token_weights.to(per_token)
        if weights.shape[-1] != latents.shape[2] or weights.ndim > 2:
            raise ValueError(
                f"token_weights must be (n,) or (p, n) with n = {latents.shape[2]}, came "
                f"{tuple(weights.shape)}."
            )
        weights = weights.unsqueeze(1) if weights.ndim == 2 else weights
        return (per_token * weights).sum(dim=-1)

    def _per_token(
        self, latents: Float[Tensor, "p s n d"], goal: Float[Tensor, "p 1 n d"]
    ) -> Float[Tensor, "p s n"]:
        if self.kind == "cosine":
            return 1 - F.cosine_similarity(latents, goal, dim=-1)
        error = latents - goal
        return (error.abs() if self.kind == "l1" else error.square()).mean(dim=-1)


class ActionPenalty(Objective):
    """Effort of the actions, ``weight |a_t| + smoothness |a_t - a_(t-1)|``, mean over all numbers.

    Sums of steps are divided by the horizon; the first action has no difference.

    Args:
        weight: of the actions' size.
        smoothness: of the differences of consecutive actions.
        kind: ``l1`` absolute values or ``l2`` squares.
        space: measures actions in halves of their range, so that metres and radians compare; in
            their own units without it.
    """

    def __init__(
        self,
        weight: float,
        *,
        smoothness: float = 0.0,
        kind: Literal["l1", "l2"] = "l2",
        space: ActionSpace | None = None,
    ) -> None:
        self.weight = weight
        self.smoothness = smoothness
        self.kind = kind
        self.space = space

    def of_step(
        self,
        step: int,
        latents: Float[Tensor, "p s n d"],  # noqa: ARG002
        goal: Float[Tensor, "p n d"],  # noqa: ARG002
        actions: Float[Tensor, "p s h a"],
    ) -> Float[Tensor, "p s"]:
        """Effort of the step's action, whatever it leads to."""
        effort = self.weight * self._size(actions[:, :, step])
        if step > 0 and self.smoothness:
            change = actions[:, :, step] - actions[:, :, step - 1]
            effort = effort + self.smoothness * self._size(change)
        return effort / actions.shape[2]

    def _size(self, numbers: Float[Tensor, "p s a"]) -> Float[Tensor, "p s"]:
        numbers = at_least_float32(numbers)
        if self.space is not None:
            low, high = self.space.bounds(numbers)
            numbers = numbers / ((high - low) / 2)
        return (numbers.abs() if self.kind == "l1" else numbers.square()).mean(dim=-1)


class WeightedSum(Objective):
    """Several objectives at once.

    Args:
        objectives: what is added.
        weights: one for each; 1 by default.

    Raises:
        ValueError: there are not as many weights as objectives, or none of either.
    """

    def __init__(
        self, objectives: Sequence[Objective], *, weights: Sequence[float] | None = None
    ) -> None:
        weights = [1.0] * len(objectives) if weights is None else weights
        if not objectives or len(weights) != len(objectives):
            raise ValueError(
                f"One weight for each objective: {len(objectives)} objectives, {len(weights)}."
            )
        self.terms = list(zip(weights, objectives, strict=True))

    def of_step(
        self,
        step: int,
        latents: Float[Tensor, "p s n d"],
        goal: Float[Tensor, "p n d"],
        actions: Float[Tensor, "p s h a"],
    ) -> Float[Tensor, "p s"]:
        """The weighted sum of the objectives' shares."""
        shares = [
            weight * term.of_step(step, latents, goal, actions) for weight, term in self.terms
        ]
        return torch.stack(shares).sum(dim=0)
