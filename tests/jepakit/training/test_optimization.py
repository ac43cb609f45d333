from __future__ import annotations

import pytest
import torch

from jepakit.training import Optimization


def test_rates_scale_with_the_batch_only_if_asked() -> None:
    plain = Optimization(lr=1e-3, warmup_steps=0)
    scaled = Optimization(lr=1e-3, warmup_steps=0, reference_batch=256)
    assert plain.lr_at(3, 10, 1024) == plain.lr_at(3, 10)
    assert scaled.lr_at(3, 10, 1024) == pytest.approx(4 * plain.lr_at(3, 10))


def test_weight_decay_is_constant_or_a_cosine() -> None:
    assert Optimization(weight_decay=0.04).weight_decay_at(7, 10) == 0.04
    rising = Optimization(weight_decay=0.04, final_weight_decay=0.4)
    assert rising.weight_decay_at(5, 10) == pytest.approx(0.22)


def test_reference_batch_needs_a_batch() -> None:
    with pytest.raises(ValueError, match="states no batch_size"):
        Optimization(warmup_steps=0, reference_batch=256).lr_at(0, 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ema": 1.5}, "ema is a momentum between 0 and 1, not 1.5"),
        ({"final_ema": -0.1}, "final_ema is a momentum"),
        ({"lr": -1.0}, "lr must not be negative"),
        ({"warmup_steps": -1}, "warmup_steps must not be negative"),
        ({"total_steps": 0}, "total_steps must be at least 1"),
        ({"reference_batch": 0}, "reference_batch must be at least 1"),
    ],
)
def test_impossible_values_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Optimization(**options)


def test_optimizer_takes_the_recipe() -> None:
    recipe = Optimization(betas=(0.8, 0.95), eps=1e-6, weight_decay=0.3)
    optimizer = recipe.optimizer(torch.nn.Linear(3, 2), fused=True)
    assert optimizer.defaults["betas"] == (0.8, 0.95)
    assert optimizer.defaults["eps"] == 1e-6
    assert optimizer.defaults["fused"] is True
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]
