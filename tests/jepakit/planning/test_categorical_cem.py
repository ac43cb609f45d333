"""Discrete plans: against all plans there are."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from planning_problems import choices
from torch import Tensor

from jepakit.planning import CategoricalCEM

CHOICES, HORIZON = 3, 5
TABLE = torch.randn(2, HORIZON, CHOICES, CHOICES, generator=torch.Generator().manual_seed(3))
"""What it costs to do one thing after another, per problem and step."""


def cost(actions: Tensor) -> Tensor:
    before = torch.cat([torch.ones_like(actions[:, :, :1]) / CHOICES, actions[:, :, :-1]], dim=2)
    return torch.einsum("pshi,pshj,phij->ps", before, actions, TABLE[: len(actions)])


def every_plan() -> Tensor:
    plans = torch.tensor(list(itertools.product(range(CHOICES), repeat=HORIZON)))
    return F.one_hot(plans, CHOICES).float()


def solver(**options: float) -> CategoricalCEM:
    return CategoricalCEM(choices(CHOICES), horizon=HORIZON, samples=120, iterations=10, **options)


@pytest.mark.parametrize("momentum", [0.0, 0.3])
def test_finds_the_best_of_all_plans(momentum: float) -> None:
    plans = every_plan()
    costs = cost(plans.expand(2, -1, -1, -1))
    plan = solver(momentum=momentum, smoothing=0.1).solve(cost, seeds=[(0,), (1,)])
    assert torch.equal(plan.actions, plans[costs.argmin(dim=1)])
    assert torch.allclose(plan.cost, costs.min(dim=1).values)


def test_candidates_are_one_hot() -> None:
    def checked(actions: Tensor) -> Tensor:
        assert set(actions.unique().tolist()) == {0.0, 1.0}
        assert bool((actions.sum(dim=-1) == 1).all())
        return cost(actions)

    plan = solver().solve(checked, seeds=[(0,), (1,)])
    assert bool((plan.actions.sum(dim=-1) == 1).all())


def test_frequencies_follow_the_probabilities() -> None:
    cem = CategoricalCEM(choices(CHOICES), horizon=HORIZON, samples=20000)
    search = cem.search(cem._start([(0,)], None, None, "cpu"))
    search.probabilities = torch.tensor([0.7, 0.0, 0.3]).expand(1, HORIZON, CHOICES)
    share = ((search.propose() + 1) / 2).mean(dim=1)
    assert torch.allclose(share, search.probabilities, atol=0.012)


def test_refit_and_smoothing() -> None:
    """Nothing is lost for good, and probabilities add up to 1."""
    cem = solver(momentum=0.25, smoothing=0.06)
    search = cem.search(cem._start([(0,)], None, None, "cpu"))
    points = search.propose()
    elites = search.learn(points, cost(cem.search_space.actions(points)))
    share = ((elites + 1) / 2).mean(dim=1)
    expected = 0.94 * (0.25 / 3 + 0.75 * share) + 0.02
    assert torch.allclose(search.probabilities, expected, atol=1e-6)
    assert torch.allclose(search.probabilities.sum(dim=-1), torch.ones(1, HORIZON))


def test_same_seed_and_one_by_one() -> None:
    together = solver().solve(cost, seeds=[(0,), (1,)])
    again = solver().solve(cost, seeds=[(0,), (1,)])
    alone = solver().solve(cost, seeds=[(0,)])
    assert torch.equal(together.elites, again.elites)
    assert torch.equal(together.elites[:1], alone.elites)


def test_a_warm_start_is_likelier_and_evaluated() -> None:
    warm = every_plan()[[100, 17]]
    cem = solver(warm_doubt=0.3)
    search = cem.search(cem._start([(0,), (1,)], warm, None, "cpu"))
    assert torch.allclose(search.probabilities, 0.7 * warm + 0.1)
    assert torch.equal((search.propose()[:, 0] + 1) / 2, warm)
