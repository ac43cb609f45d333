from __future__ import annotations

import pytest
import torch

from jepakit.training import Optimization
from jepakit.training.optimization import Schedule


def test_rates_scale_with_the_batch_only_if_asked() -> None:
    plain = Optimization(lr=1e-3, warmup_steps=0)
    scaled = Optimization(lr=1e-3, warmup_steps=0, reference_batch=256)
    assert plain.lr_at(3, 10, 1024) == plain.lr_at(3, 10)
    assert scaled.lr_at(3, 10, 1024) == pytest.approx(4 * plain.lr_at(3, 10))


def test_schedules_part_after_the_warm_up() -> None:
    def rates(schedule: Schedule, **options: int) -> list[float]:
        recipe = Optimization(lr=1.0, final_lr=0.2, warmup_steps=2, schedule=schedule, **options)
        return [recipe.lr_at(step, 10) for step in range(11)]

    assert rates("cosine")[5] == pytest.approx(0.6)
    assert rates("constant") == [0.5] + [1.0] * 10
    assert rates("linear")[:3] == pytest.approx([0.5, 1.0, 0.9])
    assert rates("linear")[9:] == pytest.approx([0.2, 0.2])
    assert rates("trapezoid", cooldown_steps=4) == pytest.approx(
        [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.2]
    )


def test_schedules_that_do_not_fit_are_refused_before_training() -> None:
    recipe = Optimization(warmup_steps=3, schedule="trapezoid", cooldown_steps=8)
    with pytest.raises(ValueError, match=r"warmup_steps \(3\) must be below the 10 steps"):
        recipe.lr_at(0, 10)
    with pytest.raises(ValueError, match=r"warmup_steps \(12\) must be below the 10 steps"):
        Optimization(warmup_steps=12, schedule="linear").lr_at(0, 10)


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
        ({"schedule": "trapezoid"}, "cooldown_steps is None and schedule 'trapezoid'"),
        ({"cooldown_steps": 5}, "cooldown_steps is 5 and schedule 'cosine'"),
        ({"schedule": "trapezoid", "cooldown_steps": 0}, "cooldown_steps must be at least 1"),
    ],
)
def test_impossible_values_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Optimization(**options)


def test_an_unknown_schedule_is_refused() -> None:
    recipe = Optimization()
    object.__setattr__(recipe, "schedule", "step")  # tests check types before the recipe does
    with pytest.raises(ValueError, match=r"schedule is one of .*'trapezoid'.*, not 'step'"):
        recipe.__post_init__()


def test_optimizer_takes_the_recipe() -> None:
    recipe = Optimization(betas=(0.8, 0.95), eps=1e-6, weight_decay=0.3)
    optimizer = recipe.optimizer(torch.nn.Linear(3, 2), fused=True)
    assert optimizer.defaults["betas"] == (0.8, 0.95)
    assert optimizer.defaults["eps"] == 1e-6
    assert optimizer.defaults["fused"] is True
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]
