"""Both fractions of rescue by hand, and what has no fraction."""

import numpy as np
import pytest
import torch

from jepakit.interp.rescue import rescue


def test_both_fractions_by_hand():
    result = rescue(np.array([0.4, 0.1, 0.2]), np.array([0.3, 0.0, 0.25]))
    np.testing.assert_allclose(result.absolute, [0.1, 0.1, -0.05])
    np.testing.assert_allclose(result.fraction, [0.25, 1.0, -0.25])  # negative stays negative
    assert result.mean_absolute == pytest.approx(0.05)
    assert result.mean_of_ratios == pytest.approx(1 / 3)
    assert result.ratio_of_means == pytest.approx(0.15 / 0.7)
    assert result.dropped == 0


def test_nearly_no_drift_has_no_fraction_but_an_absolute_value():
    base = np.array([0.5, 9.99e-4, 0.0, 1e-3])
    result = rescue(base, np.array([0.25, 0.1, 0.0, 0.0]))
    np.testing.assert_allclose(result.fraction, [0.5, np.nan, np.nan, 1.0])
    assert result.dropped == 2
    assert result.mean_of_ratios == pytest.approx(0.75)
    assert result.mean_absolute == pytest.approx((0.25 - 0.099001 + 0.001) / 4)
    assert result.ratio_of_means == pytest.approx((0.25 - 0.099001 + 0.001) / base.sum())


def test_without_any_drift_both_fractions_are_undefined():
    result = rescue(np.zeros(3), np.full(3, 0.1))
    assert result.mean_of_ratios is None
    assert result.ratio_of_means is None
    assert result.dropped == 3
    assert result.mean_absolute == pytest.approx(-0.1)


def test_limit_cases():
    base = torch.tensor([0.3, 0.6])
    nothing, all_of_it = rescue(base, base), rescue(base, torch.zeros(2))
    assert (nothing.mean_absolute, nothing.mean_of_ratios, nothing.ratio_of_means) == (0, 0, 0)
    assert (all_of_it.mean_of_ratios, all_of_it.ratio_of_means) == (1, 1)
    assert all_of_it.absolute.dtype == np.float64


def test_refuses_what_does_not_belong_together():
    with pytest.raises(ValueError, match="got 2 and 3"):
        rescue(np.ones(2), np.ones(3))


@pytest.mark.parametrize("bad", [torch.zeros(0), torch.tensor([0.1, float("nan")])])
def test_refuses_drift_that_is_none(bad):
    with pytest.raises(ValueError, match="finite drift of at least 1 image"):
        rescue(bad, bad)
