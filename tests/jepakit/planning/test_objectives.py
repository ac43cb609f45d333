"""Objectives against slow versions in float64, number by number."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from planning_problems import SPACE
from torch import Tensor

from jepakit.planning import ActionPenalty, GoalDistance, WeightedSum
from jepakit.planning.objectives import check_goal

P, S, H, N, D, A = 2, 3, 4, 5, 6, 2


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


TRAJECTORY = [drawn(P, S, N, D, seed=i) for i in range(H)]
GOAL, ACTIONS = drawn(P, N, D, seed=9), drawn(P, S, H, A, seed=8)
WEIGHTS = drawn(P, N, seed=7).abs()


def token_distance(kind: str, z: list[float], g: list[float]) -> float:
    if kind == "cosine":
        dot = sum(a * b for a, b in zip(z, g, strict=True))
        return 1 - dot / math.hypot(*z) / math.hypot(*g)
    errors = [abs(a - b) for a, b in zip(z, g, strict=True)]
    return sum(e if kind == "l1" else e * e for e in errors) / D


def slow_distance(kind: str, step: int, p: int, s: int, weights: list[float]) -> float:
    z, g = TRAJECTORY[step][p, s].double().tolist(), GOAL[p].double().tolist()
    total = sum(w * token_distance(kind, z[n], g[n]) for n, w in enumerate(weights))
    return total / sum(weights)


class TestGoalDistance:
    @pytest.mark.parametrize("kind", ["l1", "l2", "cosine"])
    @pytest.mark.parametrize("weighted", ["no", "shared", "each"])
    def test_last(self, kind: Any, weighted: str) -> None:
        weights = {"no": None, "shared": WEIGHTS[0], "each": WEIGHTS}[weighted]
        found = GoalDistance(kind, token_weights=weights)(TRAJECTORY, GOAL, ACTIONS)
        for p in range(P):
            row = {"no": torch.ones(N), "shared": WEIGHTS[0], "each": WEIGHTS[p]}[weighted]
            for s in range(S):
                expected = slow_distance(kind, H - 1, p, s, row.double().tolist())
                assert found[p, s].item() == pytest.approx(expected, rel=1e-5)

    def test_discounted_sum(self) -> None:
        found = GoalDistance("l1", when="sum", discount=0.5)(TRAJECTORY, GOAL, ACTIONS)
        ones = [1.0] * N
        expected = sum(0.5**i * slow_distance("l1", i, 1, 2, ones) for i in range(H))
        assert found[1, 2].item() == pytest.approx(expected, rel=1e-5)

    def test_a_goal_that_is_reached_costs_nothing(self) -> None:
        there = [GOAL.unsqueeze(1).expand(-1, S, -1, -1)] * H
        for kind in ("l1", "l2", "cosine"):
            cost = GoalDistance(kind, when="sum")(there, GOAL, ACTIONS)  # type: ignore[arg-type]
            assert cost.abs().max() < 1e-6

    @pytest.mark.parametrize("kind", ["l1", "l2", "cosine"])
    def test_more_tokens_or_width_cost_no_more(self, kind: Any) -> None:
        """Tokens twice over, or every latent twice over."""
        once = GoalDistance(kind)(TRAJECTORY, GOAL, ACTIONS)
        for dim in (-1, -2):
            longer = [torch.cat([z, z], dim=dim) for z in TRAJECTORY]
            twice = GoalDistance(kind)(longer, torch.cat([GOAL, GOAL], dim=dim), ACTIONS)
            assert torch.allclose(once, twice, atol=1e-6)

    def test_hidden_tokens_do_not_count(self) -> None:
        weights = torch.tensor([0.0, 1, 0, 0, 2])
        changed = [z.clone() for z in TRAJECTORY]
        for z in changed:
            z[:, :, [0, 2, 3]] += 100
        objective = GoalDistance("l2", token_weights=weights)
        assert torch.equal(objective(TRAJECTORY, GOAL, ACTIONS), objective(changed, GOAL, ACTIONS))
        doubled = GoalDistance("l2", token_weights=2 * weights)
        assert torch.allclose(doubled(TRAJECTORY, GOAL, ACTIONS), objective(changed, GOAL, ACTIONS))

    def test_half_precision_is_compared_in_float32(self) -> None:
        halves = [z.bfloat16() for z in TRAJECTORY]
        found = GoalDistance("l2")(halves, GOAL, ACTIONS)
        expected = GoalDistance("l2")([z.float() for z in halves], GOAL, ACTIONS)
        assert found.dtype == torch.float32
        assert torch.equal(found, expected)

    def test_refused_goals(self) -> None:
        broken = GOAL.clone()
        broken[1, 2, 3] = torch.nan
        with pytest.raises(ValueError, match=r"Goals \[1\] hold NaN or infinity"):
            check_goal(broken)
        check_goal(GOAL)
        with pytest.raises(ValueError, match=r"\(2, 5, 6\) as the imagined ones, came \(2, 1, 6\)"):
            GoalDistance()(iter(TRAJECTORY), GOAL[:, :1], ACTIONS)

    @pytest.mark.parametrize(
        "weights", [torch.zeros(N), torch.tensor([1.0, -0.1]), torch.tensor([1.0, torch.nan])]
    )
    def test_refused_weights(self, weights: Tensor) -> None:
        with pytest.raises(ValueError, match="token_weights must be finite, not negative"):
            GoalDistance(token_weights=weights)

    def test_weights_of_another_grid(self) -> None:
        with pytest.raises(ValueError, match=r"\(p, n\) with n = 5, came \(4,\)"):
            GoalDistance(token_weights=torch.ones(4))(TRAJECTORY, GOAL, ACTIONS)


class TestActionPenalty:
    @pytest.mark.parametrize("kind", ["l1", "l2"])
    @pytest.mark.parametrize("space", [None, SPACE])
    def test_against_the_formula(self, kind: Any, space: Any) -> None:
        """Halves of the range are 1 and 4."""
        penalty = ActionPenalty(0.3, smoothness=0.7, kind=kind, space=space)
        found = penalty(TRAJECTORY, GOAL, ACTIONS)
        plan = ACTIONS[1, 2].double()
        plan = plan / torch.tensor([1.0, 4.0]) if space else plan
        power = 1 if kind == "l1" else 2
        size = sum(abs(x) ** power for x in plan.flatten().tolist())
        steps = sum(abs(x) ** power for x in plan.diff(dim=0).flatten().tolist())
        expected = (0.3 * size + 0.7 * steps) / (H * A)
        assert found[1, 2].item() == pytest.approx(expected, rel=1e-5)

    def test_constant_actions_are_smooth(self) -> None:
        steady = ACTIONS[:, :, :1].expand(-1, -1, H, -1)
        assert ActionPenalty(0.0, smoothness=2.0)(TRAJECTORY, GOAL, steady).abs().max() == 0


def test_weighted_sum() -> None:
    terms = [GoalDistance("l1", when="sum"), ActionPenalty(1.0), GoalDistance("cosine")]
    found = WeightedSum(terms, weights=[2.0, 0.5, 0.0])(TRAJECTORY, GOAL, ACTIONS)
    apart = [term(TRAJECTORY, GOAL, ACTIONS) for term in terms]
    assert torch.allclose(found, 2 * apart[0] + 0.5 * apart[1])
    assert torch.allclose(WeightedSum(terms)(TRAJECTORY, GOAL, ACTIONS), sum(apart, Tensor([0])))
    with pytest.raises(ValueError, match="3 objectives, 1"):
        WeightedSum(terms, weights=[1.0])
    with pytest.raises(ValueError, match="0 objectives, 0"):
        WeightedSum([])
