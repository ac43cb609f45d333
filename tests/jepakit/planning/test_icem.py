"""Spectrum of coloured noise, elites that live on, fewer samples."""

from __future__ import annotations

import pytest
import torch
from planning_problems import HORIZON, SPACE, TARGETS, quadratic

from jepakit.planning import ICEM, shifted
from jepakit.planning.noise import Noise, colouring


class TestColour:
    @pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0])
    def test_slope_of_the_spectrum(self, exponent: float) -> None:
        """Power over frequency in logarithms is a line of slope ``-exponent``."""
        white = Noise([(0,)]).normal(4000, 64, 1)
        power = torch.fft.rfft(colouring(64, exponent) @ white, dim=2).abs().square()
        levels = power.mean(dim=(0, 1, 3))[1:-1].double().log()
        frequency = torch.arange(1, 32, dtype=torch.float64).log()
        x, y = frequency - frequency.mean(), levels - levels.mean()
        assert ((x * y).sum() / x.square().sum()).item() == pytest.approx(-exponent, abs=0.03)

    @pytest.mark.parametrize("horizon", [1, 2, 5, 8])
    def test_variance_stays_one_at_every_step(self, horizon: int) -> None:
        matrix = colouring(horizon, 2.0)
        assert torch.allclose((matrix @ matrix.T).diagonal(), torch.ones(horizon))

    def test_white_is_untouched(self) -> None:
        assert torch.allclose(colouring(6, 0.0), torch.eye(6), atol=1e-6)


class TestSearch:
    def test_fewer_samples_each_time(self) -> None:
        solver = ICEM(SPACE, horizon=HORIZON, samples=100, elites=10, iterations=20, decay=1.25)
        drawn = [solver.fresh(i) for i in range(20)]
        assert drawn[:4] == [100, 80, 64, 51]
        assert drawn[-1] == 20
        plan = solver.solve(quadratic(TARGETS), seeds=[(0, i) for i in range(3)])
        kept = 3  # of the elites, from the second iteration on; and the mean in each
        assert plan.model_calls == HORIZON * (sum(drawn) + 20 + 19 * kept)

    def test_elites_live_on(self) -> None:
        """Within a search, and shifted from one to the next."""
        solver = ICEM(SPACE, horizon=HORIZON, samples=40, elites=10, reused=0.3)
        search = solver.search(solver._start([(0,)], None, None, "cpu"))
        points = search.propose()
        elites = search.learn(points, quadratic(TARGETS[:1])(solver.search_space.actions(points)))
        assert torch.equal(search.propose()[:, 1:4], elites[:, :3])

        earlier = solver.search_space.actions(elites)
        start = solver._start([(1,)], None, shifted(earlier), "cpu")
        first = solver.search_space.actions(solver.search(start).propose())
        assert torch.allclose(first[:, 1:4], shifted(earlier[:, :3]), atol=1e-6)
        assert first.shape[1] == 1 + 3 + 40

    @pytest.mark.parametrize("other", [{"decay": 0.9}, {"reused": 1.5}])
    def test_refusals(self, other: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="decay >= 1 and 0 <= reused <= 1"):
            ICEM(SPACE, horizon=2, **other)
