from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from jepakit.training.finite_guard import FiniteGuard, NonFiniteStepError, gradient_norm, poison


def test_a_finite_loss_and_its_gradient_pass_to_the_last_bit() -> None:
    x = torch.randn(7, requires_grad=True)
    loss = x.square().sum()
    (expected,) = torch.autograd.grad(loss, x, retain_graph=True)
    (got,) = torch.autograd.grad(poison(loss), x)
    assert torch.equal(poison(loss), loss)
    assert torch.equal(got, expected)


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
def test_a_bad_loss_with_finite_gradient_makes_the_gradient_nan(value: float) -> None:
    x = torch.ones(3, requires_grad=True)
    loss = x.sum() + value
    (plain,) = torch.autograd.grad(loss, x, retain_graph=True)
    assert plain.isfinite().all()
    (got,) = torch.autograd.grad(poison(loss), x)
    assert got.isnan().all()


def optimizer_of(layer: nn.Module, gradient: float) -> torch.optim.Optimizer:
    for parameter in layer.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    return torch.optim.AdamW(layer.parameters(), lr=0.1, fused=True)


def test_gradient_norm_is_that_of_all_gradients_together() -> None:
    layer = nn.Linear(3, 4)
    optimizer = optimizer_of(layer, 0.5)
    layer.bias.grad = None
    assert gradient_norm(optimizer).item() == pytest.approx((12 * 0.25) ** 0.5)


def test_without_lag_it_raises_before_the_step() -> None:
    layer = nn.Linear(3, 4)
    optimizer = optimizer_of(layer, torch.inf)
    with pytest.raises(NonFiniteStepError, match=r"Step 17: .* not finite") as caught:
        FiniteGuard().check(gradient_norm(optimizer), 17, optimizer)
    assert caught.value.step == 17


def test_with_lag_the_device_skips_the_step_and_the_host_stops_one_later() -> None:
    layer, guard = nn.Linear(3, 4), FiniteGuard(lag=1)
    optimizer = optimizer_of(layer, 1.0)
    guard.check(gradient_norm(optimizer), 4, optimizer)
    optimizer.step()
    good = copy.deepcopy((layer.state_dict(), optimizer.state_dict()))
    layer.weight.grad[0, 0] = torch.nan
    guard.check(gradient_norm(optimizer), 5, optimizer)
    optimizer.step()
    after = (layer.state_dict(), optimizer.state_dict())
    for name, value in good[0].items():
        assert torch.equal(after[0][name], value)
    for number, state in good[1]["state"].items():
        for name, value in state.items():
            assert torch.equal(after[1]["state"][number][name], value)
    with pytest.raises(NonFiniteStepError, match="Step 5"):
        guard.check(torch.ones(()), 6, optimizer)


def test_drain_reads_what_is_open() -> None:
    guard, optimizer = FiniteGuard(lag=1), optimizer_of(nn.Linear(2, 2), 1.0)
    guard.check(torch.tensor(torch.nan), 3, optimizer)
    with pytest.raises(NonFiniteStepError, match="Step 3"):
        guard.drain()
    guard.drain()
