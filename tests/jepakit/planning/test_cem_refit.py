"""Elites and refits against slow versions in float64; the limits of MPPI's weights."""

from __future__ import annotations

import math
from statistics import NormalDist, fmean, pstdev, stdev

import pytest
import torch
from planning_problems import HORIZON, SPACE, TARGETS, quadratic

from jepakit.planning import CEM, MPPI
from jepakit.planning.elites import Gaussian, best_of, elite_count
from jepakit.planning.mppi import weights
from jepakit.planning.noise import Noise


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class TestElites:
    def test_order(self) -> None:
        points = torch.arange(5.0).view(1, 5, 1, 1)
        costs = torch.tensor([[3.0, torch.inf, 1.0, 2.0, 9.0]])
        assert best_of(points, costs, 3).flatten().tolist() == [2, 3, 0]

    def test_the_best_stands_in_for_infinite_ones(self) -> None:
        points = torch.arange(3.0).view(1, 3, 1, 1)
        costs = torch.tensor([[torch.inf, 5.0, torch.inf]])
        assert best_of(points, costs, 2).flatten().tolist() == [1, 1]

    @pytest.mark.parametrize(("given", "count"), [(0.1, 50), (0.0001, 1), (1, 1), (30, 30)])
    def test_count(self, given: float, count: int) -> None:
        assert elite_count(given, 500) == count


class TestRefit:
    @pytest.mark.parametrize("unbiased", [False, True])
    def test_against_the_formula(self, unbiased: bool) -> None:
        old = Gaussian(drawn(2, 3, 2), drawn(2, 3, 2).abs())
        elites = drawn(2, 7, 3, 2) + 0.2
        new = old.refit(elites, momentum_mean=0.3, momentum_std=0.6, unbiased=unbiased)
        for p, h, a in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(2)):
            values = elites[p, :, h, a].tolist()
            mean = 0.3 * old.mean[p, h, a].item() + 0.7 * fmean(values)
            deviation = stdev(values) if unbiased else pstdev(values)
            assert new.mean[p, h, a].item() == pytest.approx(mean, abs=1e-12)
            expected = 0.6 * old.std[p, h, a].item() + 0.4 * deviation
            assert new.std[p, h, a].item() == pytest.approx(expected, abs=1e-12)

    def test_floor_and_single_elite(self) -> None:
        old = Gaussian(drawn(1, 2, 2), drawn(1, 2, 2).abs())
        for unbiased in (False, True):
            new = old.refit(drawn(1, 1, 2, 2), min_std=0.25, unbiased=unbiased)
            assert bool((new.std == 0.25).all())

    def test_draws_are_normal_where_no_bound_is_near(self) -> None:
        noise = Noise([(0,), (1,)])
        points = Gaussian(torch.full((2, 2, 1), 0.2), torch.full((2, 2, 1), 0.1)).draw(noise, 4000)
        for q in (0.1, 0.5, 0.9):
            expected = NormalDist(0.2, 0.1).inv_cdf(q)
            assert points.quantile(q).item() == pytest.approx(expected, abs=0.004)

    def test_first_iteration_of_a_search(self) -> None:
        """Momentum and spread per action, in halves of the range."""
        solver = CEM(
            SPACE, horizon=HORIZON, std=(0.1, 0.4), momentum_mean=(1.0, 0.0), momentum_std=0.5
        )
        search = solver.search(solver._start([(0,)], None, None, "cpu"))
        before = search.gaussian
        assert before.std[0, 0].tolist() == pytest.approx([0.1, 0.4])
        points = search.propose()
        assert bool((points[:, 0] == before.mean).all())
        costs = quadratic(TARGETS[:1])(solver.search_space.actions(points))
        elites = search.learn(points, costs)
        assert torch.equal(elites, best_of(points, costs, 50))
        assert torch.equal(search.gaussian.mean[..., 0], before.mean[..., 0])
        assert torch.allclose(search.gaussian.mean[..., 1], elites.mean(dim=1)[..., 1])
        spread = 0.5 * before.std + 0.5 * elites.std(dim=1, correction=0)
        assert torch.allclose(search.gaussian.std, spread)
        assert torch.equal(search.propose()[:, 1], elites[:, 0])


class TestWeights:
    costs = torch.tensor([[3.0, 1.0, 2.0, 6.0]], dtype=torch.float64)

    def test_formula(self) -> None:
        """Excess 2, 0, 1, 5, of mean 2."""
        raw = [math.exp(-x / (0.5 * 2)) for x in (2, 0, 1, 5)]
        assert weights(self.costs, 0.5)[0].tolist() == pytest.approx([x / sum(raw) for x in raw])

    def test_limits(self) -> None:
        assert weights(self.costs, 1e-9)[0].tolist() == [0, 1, 0, 0]
        assert weights(self.costs, 1e9)[0].tolist() == pytest.approx([0.25] * 4)
        assert weights(torch.ones(1, 4), 0.5)[0].tolist() == [0.25] * 4
        infinite = torch.tensor([[1.0, torch.inf, 1.0]])
        assert weights(infinite, 0.5)[0].tolist() == [0.5, 0, 0.5]

    def test_no_unit_matters(self) -> None:
        assert torch.allclose(weights(self.costs, 0.5), weights(1e4 * self.costs + 7, 0.5))

    @pytest.mark.parametrize("temperature", [1e-9, 0.5, 1e9])
    def test_mean_and_spread_of_a_search(self, temperature: float) -> None:
        """Cold: the best candidate. Hot: a cross-entropy step over the elites."""
        solver = MPPI(SPACE, horizon=HORIZON, samples=100, elites=10, temperature=temperature)
        search = solver.search(solver._start([(0,)], None, None, "cpu"))
        points = search.propose()
        costs = quadratic(TARGETS[:1])(solver.search_space.actions(points))
        elites = search.learn(points, costs)
        w = weights(costs.topk(10, largest=False).values, temperature).double().view(1, 10, 1, 1)
        mean = (w * elites).sum(dim=1)
        variance = (w * (elites - mean.unsqueeze(1)).square()).sum(dim=1)
        assert torch.allclose(search.gaussian.mean.double(), mean, atol=1e-6)
        expected = variance.sqrt().clamp(min=solver.min_std)
        assert torch.allclose(search.gaussian.std.double(), expected, atol=1e-6)
        if temperature == 1e-9:
            assert torch.equal(search.gaussian.mean[0], points[0, costs[0].argmin()])
        if temperature == 1e9:
            assert torch.allclose(search.gaussian.mean, elites.mean(dim=1), atol=1e-6)

    def test_refused_temperature(self) -> None:
        with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
            MPPI(SPACE, horizon=1, temperature=0.0)
