from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.utils._python_dispatch import TorchDispatchMode
from toy_training import ToyData, ToyModule, distance, fit, recipe, same_weights

from jepakit.training.callbacks import RunCheckpoints
from jepakit.training.ema import Ema
from jepakit.training.finite_guard import FiniteGuard, NonFiniteStepError


class Spy(Callback):
    """Notes what a step used, and the weights before it."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.decays: list[list[float]] = []
        self.before: dict[str, Any] = {}

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        self.before = copy.deepcopy(module.state_dict())

    def on_before_zero_grad(self, trainer: Any, module: Any, optimizer: Any) -> None:
        self.rates.append(optimizer.param_groups[0]["lr"])
        self.decays.append([group["weight_decay"] for group in optimizer.param_groups])


@pytest.fixture
def taus(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Momentum of every update of a teacher."""
    seen: list[float] = []
    update = Ema.update

    def noted(self: Ema, tau: float) -> None:
        seen.append(tau)
        update(self, tau)

    monkeypatch.setattr(Ema, "update", noted)
    return seen


@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_teacher_moves_once_per_optimizer_step(accumulate: int, taus: list[float]) -> None:
    model = ToyModule(optimization=recipe(final_ema=1.0))
    fit(4, model=model, accumulate_grad_batches=accumulate)
    assert taus == [model.optimization.ema_at(step, 8) for step in range(4)]


def test_teacher_is_the_average_of_the_students() -> None:
    spy, model = Spy(), ToyModule(optimization=recipe(ema=0.75, final_ema=0.75))
    fit(1, model=model, callbacks=[spy])
    for name, teacher in model.teacher.state_dict().items():
        expected = 0.75 * spy.before[f"teacher.{name}"] + 0.25 * model.student.state_dict()[name]
        torch.testing.assert_close(teacher, expected)


def test_teacher_is_frozen_in_evaluation_mode_and_without_optimizer_state() -> None:
    modes = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, *rest: Any) -> None:
            modes.append((module.teacher.training, module.student.training))

    model, trainer = fit(4, callbacks=[Watch()], val_check_interval=2)
    assert modes == [(False, True)] * 4
    assert not any(parameter.requires_grad for parameter in model.teacher.parameters())
    optimized = {id(p) for group in trainer.optimizers[0].param_groups for p in group["params"]}
    assert not optimized & {id(parameter) for parameter in model.teacher.parameters()}
    assert optimized == {id(p) for p in model.parameters() if p.requires_grad}


def test_schedules_are_applied_from_the_optimizer_step() -> None:
    spy, optimization = Spy(), recipe(weight_decay=0.1, final_weight_decay=0.4)
    fit(5, model=ToyModule(optimization=optimization), callbacks=[spy], accumulate_grad_batches=2)
    # zero_grad comes after the next step's first forward pass: it still sees the step before
    assert spy.rates[1:] == [optimization.lr_at(step, 8) for step in range(4)]
    assert spy.decays[1:] == [[optimization.weight_decay_at(s, 8), 0.0] for s in range(4)]


def test_rates_scale_with_the_global_batch() -> None:
    optimization = recipe(reference_batch=4)
    _, trainer = fit(
        1,
        model=ToyModule(optimization=optimization),
        data=ToyData(batch_size=6),
        accumulate_grad_batches=2,
    )
    rate = trainer.optimizers[0].param_groups[0]["lr"]
    assert rate == pytest.approx(3 * recipe().lr_at(0, 8))


def test_schedules_need_an_end() -> None:
    with pytest.raises(ValueError, match=r"set trainer\.max_steps"):
        fit(-1, model=ToyModule(optimization=recipe(total_steps=None)), max_time={"seconds": 5})


def test_two_micro_batches_equal_one_of_double_size() -> None:
    runs = [
        fit(
            6, model=ToyModule(noise=0.0), data=ToyData(batch_size=size), gradient_clip_val=1.0, **o
        )
        for size, o in ((4, {"accumulate_grad_batches": 2}), (8, {}))
    ]
    assert distance(runs[0][0], runs[1][0]) < 1e-6


def test_clipping_by_norm_bounds_the_gradient() -> None:
    norms = []

    class Watch(Callback):
        def on_before_zero_grad(self, trainer: Any, module: Any, optimizer: Any) -> None:
            gradients = [p.grad for p in module.parameters() if p.grad is not None]
            if gradients:
                norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    fit(4, callbacks=[Watch()], gradient_clip_val=0.01)
    assert norms == pytest.approx([0.01] * 3, rel=1e-3)


def test_clipping_by_value_is_refused() -> None:
    with pytest.raises(ValueError, match="clipped by norm"):
        fit(1, gradient_clip_val=0.1, gradient_clip_algorithm="value")


def test_clipping_works_with_mixed_precision_and_fused_adamw() -> None:
    model, trainer = fit(2, precision="bf16-mixed", gradient_clip_val=1.0)
    assert trainer.optimizers[0].defaults["fused"] is True
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_two_steps_draw_different_numbers_and_a_repeated_run_the_same() -> None:
    assert same_weights(fit(3)[0], fit(3)[0])
    other = ToyModule()
    other.step_seed = 1
    assert not same_weights(fit(3)[0], fit(3, model=other)[0])


# -- what is not finite --------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [1, 2])
def test_no_step_is_taken_with_a_bad_loss(accumulate: int, taus: list[float]) -> None:
    spy, model = Spy(), ToyModule(bad_step=3)
    with pytest.raises(NonFiniteStepError, match="Step 3"):
        fit(6, model=model, callbacks=[spy], accumulate_grad_batches=accumulate)
    assert all(torch.equal(spy.before[name], value) for name, value in model.state_dict().items())
    assert len(taus) == 3
    assert [record.step for record in model.recent] == [3] * accumulate
    assert model.recent[0].keys[0] == f"clip-{3 * 4 * accumulate}"


class Late(Callback):
    """Makes a CPU run read its verdicts one step later, as a GPU run does."""

    def on_train_start(self, trainer: Any, module: Any) -> None:
        module._guard = FiniteGuard(lag=1)


def test_with_a_lag_the_bad_step_is_named_and_weights_stay_finite() -> None:
    model = ToyModule(bad_step=3)
    with pytest.raises(NonFiniteStepError, match="Step 3"):
        fit(6, model=model, callbacks=[Late()])
    reference = ToyModule()
    fit(3, model=reference)
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert torch.equal(model.student[0].weight, reference.student[0].weight)


@pytest.mark.parametrize("saves", [True, False])
def test_a_bad_last_step_is_found_before_the_end(saves: bool, tmp_path: Path) -> None:
    checkpoints = RunCheckpoints()
    checkpoints.folder = tmp_path if saves else None
    with pytest.raises(NonFiniteStepError, match="Step 3"):
        fit(4, model=ToyModule(bad_step=3), callbacks=[Late(), checkpoints])
    assert not list(tmp_path.iterdir())


def half_precision(scale: float) -> MixedPrecision:
    return MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale))


def test_a_gradient_scaler_may_skip_and_then_the_teacher_stays(taus: list[float]) -> None:
    plugin = half_precision(2.0**40)  # overflows in the first steps, is halved at each
    model, _ = fit(2, plugins=[plugin])
    assert plugin.scaler.get_scale() == 2.0**38
    assert taus == []
    assert same_weights(model, fit(0)[0])
    fit(4, plugins=[half_precision(2.0**4)])
    assert len(taus) == 4


def test_a_gradient_scaler_that_never_recovers_stops_the_run() -> None:
    with pytest.raises(NonFiniteStepError, match="Step 3"):
        fit(8, model=ToyModule(noise=float("inf")), plugins=[half_precision(4.0)])


# -- what a step must not do ---------------------------------------------------------------------


class NoHostSync(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in {"_local_scalar_dense", "item", "is_nonzero", "equal"}, name
        return func(*args, **(kwargs or {}))


def test_a_step_never_reads_a_value_from_the_device() -> None:
    class Watch(Callback):
        """From the start of a batch that is not logged to its end."""

        def on_train_start(self, trainer: Any, module: Any) -> None:
            module._guard = FiniteGuard(lag=5)

        def on_train_batch_start(self, *args: Any) -> None:
            self.mode = NoHostSync()
            self.mode.__enter__()

        def on_train_batch_end(self, *args: Any) -> None:
            self.mode.__exit__(None, None, None)

    fit(4, callbacks=[Watch()], gradient_clip_val=1.0, log_every_n_steps=50)
