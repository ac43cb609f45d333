from __future__ import annotations

import math

import pytest

from jepakit.training.schedules import cosine, linear_scaling, warmup_cosine


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
