"""Latent and causal losses against per-token loops in float64."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

from jepakit.batch import Packing
from jepakit.losses import CausalResidualLoss, LatentLoss
from jepakit.losses.averaging import sample_mean


def ragged(width=5, seed=0):
    """Packed tokens with small and large errors, and their packing of lengths 1, 4, 2."""
    gen = torch.Generator().manual_seed(seed)
    keep = torch.zeros(3, 6, dtype=torch.bool)
    keep[0, 2], keep[1, 1:5], keep[2, [0, 5]] = True, True, True
    target = torch.randn(7, width, generator=gen)
    spread = torch.tensor([0.01, 0.1, 0.2, 0.5, 1.0, 3.0, 8.0]).unsqueeze(1)
    predicted = target + spread * torch.randn(7, width, generator=gen)
    return predicted, target, Packing.from_mask(keep)


def per_sample(values, packing):
    """The average written as the two loops of Algorithm 1."""
    total, begin = 0.0, 0
    for length in packing.lengths:
        total += sum(values[begin : begin + length]) / length
        begin += length
    return total / packing.batch


@pytest.mark.parametrize("beta", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("form", ["norm", "elementwise"])
@pytest.mark.parametrize("target_norm", ["layer", "none"])
def test_latent_loss_is_the_papers_formula(form, beta, target_norm):
    predicted, target, packing = ragged()

    def smooth(r):
        return r * r / (2 * beta) if r < beta else r - beta / 2

    values = []
    for p, t in zip(predicted.double(), target.double(), strict=True):
        if target_norm == "layer":
            t = (t - t.mean()) / (t.var(correction=0) + 1e-5).sqrt()
        z = (p - t).abs().tolist()
        if form == "norm":
            values.append(smooth(math.sqrt(sum(x * x for x in z))))
        else:
            values.append(sum(smooth(x) for x in z) / len(z))
    loss = LatentLoss(form, beta=beta, target_norm=target_norm)(predicted, target, packing)
    assert loss.item() == pytest.approx(per_sample(values, packing), rel=1e-5)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_causal_loss_is_the_papers_formula(reduction):
    residual, change, packing = ragged()
    square = (residual.double() - change.double()).square()
    values = getattr(square, reduction)(dim=1).tolist()
    loss = CausalResidualLoss(reduction)(residual, change, packing)
    assert loss.item() == pytest.approx(per_sample(values, packing), rel=1e-5)


def test_a_sample_with_many_tokens_weighs_no_more():
    packing = ragged()[2]
    values = torch.zeros(7)
    values[0] = 1.0  # the only token of the first of three samples
    assert sample_mean(values, packing).item() == pytest.approx(1 / 3)
    values = torch.zeros(7)
    values[1] = 1.0  # one of four
    assert sample_mean(values, packing).item() == pytest.approx(1 / 12)


@pytest.mark.parametrize("form", ["norm", "elementwise"])
def test_latent_gradient_against_finite_differences(form):
    predicted, target, packing = ragged()
    loss = LatentLoss(form)
    predicted, target = predicted.double().requires_grad_(), target.double()
    assert torch.autograd.gradcheck(lambda p: loss(p, target, packing), (predicted,))


@pytest.mark.parametrize("form", ["norm", "elementwise"])
def test_perfect_prediction_costs_nothing_and_has_a_finite_gradient(form):
    _, target, packing = ragged()
    predicted = target.clone().requires_grad_()
    loss = LatentLoss(form, target_norm="none")(predicted, target, packing)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(predicted.grad, torch.zeros_like(target))


def test_elementwise_agrees_with_torch_on_equal_lengths():
    predicted, target = torch.randn(6, 4), torch.randn(6, 4)
    ours = LatentLoss("elementwise", beta=0.7, target_norm="none")
    theirs = F.smooth_l1_loss(predicted, target, beta=0.7)
    assert ours(predicted, target, Packing.full(2, 3)).item() == pytest.approx(theirs.item())


def test_no_gradient_reaches_the_target():
    predicted, target, packing = ragged()
    predicted.requires_grad_()
    target.requires_grad_()
    total = LatentLoss()(predicted, target, packing) + CausalResidualLoss()(
        predicted, target, packing
    )
    total.backward()
    assert target.grad is None
    assert predicted.grad.abs().sum() > 0


def test_half_precision_is_computed_in_float32():
    predicted, target, packing = ragged()
    half = predicted.bfloat16(), target.bfloat16()
    for loss in (LatentLoss(), LatentLoss("elementwise"), CausalResidualLoss()):
        assert loss(*half, packing).dtype == torch.float32
        full = loss(half[0].float(), half[1].float(), packing)
        assert torch.equal(loss(*half, packing), full)


def test_losses_never_wait_for_the_device():
    predicted, target, packing = ragged()
    with FakeTensorMode(allow_non_fake_inputs=True):  # reading a fake tensor on the host raises
        for loss in (LatentLoss(), LatentLoss("elementwise"), CausalResidualLoss()):
            assert loss(predicted * 1, target, packing).shape == ()


def test_refusals():
    with pytest.raises(ValueError, match="beta must be above 0, got 0"):
        LatentLoss(beta=0.0)
    with pytest.raises(ValueError, match=r"one value per kept token \(7\), got 6"):
        sample_mean(torch.zeros(6), ragged()[2])


@pytest.mark.parametrize("form", ["norm", "elementwise"])
def test_tokens_before_they_are_averaged(form):
    predicted, target, packing = ragged()
    loss = LatentLoss(form)
    tokens = loss.tokens(predicted, target)
    assert tokens.shape == (7,)
    expected = per_sample(tokens.tolist(), packing)
    assert loss(predicted, target, packing).item() == pytest.approx(expected, rel=1e-6)
    single = torch.cat([loss.tokens(predicted[i : i + 1], target[i : i + 1]) for i in range(7)])
    torch.testing.assert_close(tokens, single)
    assert tokens[0] < tokens[-1]
