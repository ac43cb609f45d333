"""Collapse diagnostics on batches whose rank and spread are known."""

import math

import pytest
import torch

from jepakit.losses import effective_rank, feature_std


def test_effective_rank_of_known_spectra():
    q = torch.linalg.qr(torch.cat([torch.ones(33, 1), torch.randn(33, 16)], dim=1))[0][:, 1:]
    assert effective_rank(q).item() == pytest.approx(16, rel=1e-4)
    assert effective_rank(q[:, :1] * torch.ones(5)).item() == pytest.approx(1, rel=1e-4)
    sigma = torch.tensor([4.0, 2.0, 1.0, 1.0])
    entropy = 0.5 * math.log(2) + 0.25 * math.log(4) + 0.25 * math.log(8)
    assert effective_rank(q[:, :4] * sigma).item() == pytest.approx(math.exp(entropy), rel=1e-4)


def test_effective_rank_ignores_offset_and_scale():
    z = torch.randn(50, 8)
    assert effective_rank(1e-3 * z + 5).item() == pytest.approx(effective_rank(z).item(), rel=1e-2)


@pytest.mark.parametrize("batch", [torch.zeros(8, 4), torch.full((8, 4), 0.1) * math.pi])
def test_a_collapsed_batch_has_rank_one_and_no_spread(batch):
    assert effective_rank(batch).item() == pytest.approx(1)
    assert feature_std(batch).item() == pytest.approx(0, abs=1e-6)


def test_feature_std_is_the_mean_over_features():
    z = torch.tensor([[-1.0, 3.0], [1.0, -3.0]])
    assert feature_std(z).item() == pytest.approx(2)


def test_diagnostics_take_half_precision_and_no_gradient():
    z = torch.randn(16, 4, requires_grad=True).bfloat16()
    for value in (effective_rank(z), feature_std(z)):
        assert value.dtype == torch.float32
        assert not value.requires_grad
