from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from jepakit.training import Optimization
from jepakit.training.schedules import (
    cosine,
    linear_scaling,
    ramp,
    trapezoid,
    warmup_cosine,
)

FIXTURE = Path(__file__).resolve().parents[4] / "shared/fixtures/vjepa2/official_schedules.pt"


def test_cosine_starts_ends_and_passes_the_middle() -> None:
    values = [cosine(step, start=0.996, end=1.0, total=100) for step in (0, 50, 100, 1000)]
    assert values == pytest.approx([0.996, 0.998, 1.0, 1.0], abs=1e-12)


def test_cosine_between_equal_ends_is_constant() -> None:
    assert {cosine(step, start=0.999, end=0.999, total=7) for step in range(9)} == {0.999}


def test_cosine_is_the_momentum_of_byol() -> None:
    for step in (0, 3, 17, 40):
        byol = 1 - (1 - 0.9) * (math.cos(math.pi * step / 40) + 1) / 2
        assert cosine(step, start=0.9, end=1.0, total=40) == pytest.approx(byol, abs=1e-15)


def test_warmup_is_linear_and_first_step_is_not_lost() -> None:
    rates = [warmup_cosine(s, start=0.0, peak=1.0, end=0.1, warmup=4, total=14) for s in range(14)]
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[13] == pytest.approx(0.1)
    assert rates[8] == pytest.approx(0.55)  # half of the cosine's ten steps
    assert rates[3:] == sorted(rates[3:], reverse=True)


def test_no_warmup() -> None:
    assert warmup_cosine(0, start=0.0, peak=1.0, end=1.0, warmup=0, total=5) == 1.0


@pytest.mark.parametrize("warmup", [5, 6, -1])
def test_warmup_as_long_as_the_run_is_refused(warmup: int) -> None:
    with pytest.raises(ValueError, match=rf"warmup_steps \({warmup}\) must be below the 5 steps"):
        warmup_cosine(0, start=0.0, peak=1.0, end=1.0, warmup=warmup, total=5)


def test_linear_scaling() -> None:
    assert linear_scaling(1e-3, batch=512, reference=256) == pytest.approx(2e-3)


def three_parts(step: int, warmup: int = 4, cooldown: int = 5) -> float:
    return trapezoid(step, start=0.2, peak=1.0, end=0.5, warmup=warmup, cooldown=cooldown, total=14)


def test_trapezoid_rises_stays_and_falls_in_lines() -> None:
    rates = [three_parts(step) for step in range(14)]
    assert rates[:4] == pytest.approx([0.4, 0.6, 0.8, 1.0])
    assert rates[4:9] == [1.0] * 5
    assert rates[9:] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5])


def test_trapezoid_without_a_middle_without_ends_and_past_the_end() -> None:
    falling = [three_parts(step, cooldown=10) for step in range(14)]
    assert falling[3:] == pytest.approx([1 - 0.05 * number for number in range(11)])
    line = [three_parts(step, warmup=0, cooldown=14) for step in range(14)]
    assert line == pytest.approx([1 - 0.5 * (step + 1) / 14 for step in range(14)])
    flat = trapezoid(9, start=0.0, peak=1.0, end=1.0, warmup=0, cooldown=0, total=5)
    assert flat == 1.0
    assert [three_parts(step) for step in (13, 14, 1000)] == [0.5] * 3


@pytest.mark.parametrize(("warmup", "cooldown"), [(14, 0), (-1, 3), (4, 11), (0, 15), (2, -1)])
def test_a_trapezoid_that_does_not_fit_is_refused(warmup: int, cooldown: int) -> None:
    with pytest.raises(ValueError, match=rf"warmup_steps \({warmup}\) .* the {cooldown} steps"):
        three_parts(0, warmup, cooldown)


def test_ramp_is_a_line_between_two_constants() -> None:
    values = [ramp(step, start=1.0, end=3.0, begin=2, until=6) for step in range(9)]
    assert values == pytest.approx([1, 1, 1, 1.5, 2, 2.5, 3, 3, 3])
    at_once = [ramp(step, start=1.0, end=3.0, begin=2, until=2) for step in (0, 1, 2, 3)]
    assert at_once == [1.0, 1.0, 3.0, 3.0]


# -- as released -----------------------------------------------------------------------------------

PEAK = {"start_lr": 1e-4, "lr": 5.25e-4, "final_lr": 1e-6, "warmup_steps": 10}
RELEASED = {
    "warmup_cosine": Optimization(**PEAK),
    "warmup_cosine_const": Optimization(**PEAK, schedule="constant"),
    "wsd": Optimization(
        start_lr=7.5e-5,
        lr=4.25e-4,
        final_lr=0.0,
        warmup_steps=10,
        schedule="trapezoid",
        cooldown_steps=10,
    ),
    "linear_decay": Optimization(**{**PEAK, "warmup_steps": 0}, schedule="linear"),
}
"""Which options make our learning rate the official one of the same name, over 50 steps."""


def recorded(name: str) -> list[float]:
    """What the official schedule gave in calls 1, 2, ..., some of them past its end at 50."""
    if not FIXTURE.exists():
        pytest.skip("the recorded schedules are not here: ../shared/fixtures/vjepa2")
    values: list[float] = torch.load(FIXTURE, weights_only=True)[name]
    return values


@pytest.mark.parametrize("name", RELEASED)
def test_learning_rates_are_the_official_ones_up_to_the_end(name: str) -> None:
    ours = [RELEASED[name].lr_at(step, 50) for step in range(50)]
    assert ours == pytest.approx(recorded(name)[:50], rel=1e-12, abs=1e-18)


def test_the_official_constant_is_a_cosine_between_equal_ends() -> None:
    cosine_to_itself = Optimization(**{**PEAK, "final_lr": 5.25e-4})
    ours = [cosine_to_itself.lr_at(step, 50) for step in range(50)]
    assert ours == pytest.approx(recorded("warmup_cosine_const"), rel=1e-12)


def test_the_official_weight_decay_is_ours_one_step_ahead() -> None:
    """It is set before a step and counts that step; ours is ``weight_decay`` in the first."""
    official = recorded("cosine_wd")
    ours = [cosine(step + 1, start=0.04, end=0.4, total=50) for step in range(50)]
    assert ours == pytest.approx(official[:50], rel=1e-12)
    recipe = Optimization(weight_decay=0.04, final_weight_decay=0.4)
    ahead = [recipe.weight_decay_at(step, 50) for step in range(1, 51)]
    assert ahead == pytest.approx(official[:50], rel=1e-12)
    assert recipe.weight_decay_at(0, 50) == pytest.approx(0.04)


def test_past_the_end_the_official_ones_turn_back_or_fall_below_zero_and_ours_stay() -> None:
    cosines = {"warmup_cosine": recorded("warmup_cosine"), "cosine_wd": recorded("cosine_wd")}
    assert cosines["warmup_cosine"][50:] == sorted(cosines["warmup_cosine"][50:])
    assert cosines["warmup_cosine"][59] == pytest.approx(7.77e-5, rel=1e-3)  # 78 x its end
    assert cosines["cosine_wd"][59] < 0.37
    assert recorded("wsd")[50:] == pytest.approx([-4.25e-5, -8.5e-5])
    for name, end in (("warmup_cosine", 1e-6), ("wsd", 0.0), ("linear_decay", 1e-6)):
        assert {RELEASED[name].lr_at(step, 50) for step in (49, 50, 59, 10**6)} == {end}
    assert cosine(59, start=0.04, end=0.4, total=50) == 0.4


def test_stretched_by_ipe_scale_the_official_cooldown_never_reaches_its_end() -> None:
    """12,000 steps are run of a line of 15,000 (``ipe_scale`` 1.25)."""
    cooldown = Optimization(lr=5.25e-4, final_lr=1e-6, warmup_steps=0, schedule="linear")
    assert cooldown.lr_at(11_999, 15_000) == pytest.approx(1.06e-4, rel=2e-3)
    assert cooldown.lr_at(11_999, 12_000) == pytest.approx(1e-6)
