from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from toy_training import ToyData, ToyModule, fit

from jepakit.training.callbacks import Throughput, throughput
from jepakit.training.metrics_file import MetricsFile, read_metrics


class Clock:
    """Time that passes only where it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(throughput.time, "perf_counter", made)
    return made


def test_figures_are_those_of_the_clock(clock: Clock, tmp_path: Path) -> None:
    """A step computes for 2 s; a batch is waited for 0.5 s; a validation takes 50 s."""

    class Slow(ToyModule):
        def loss(self, batch: Any) -> Any:
            clock.now += 2.0 if self.training else 50.0
            return super().loss(batch)

    class SlowData(ToyData):
        def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
            clock.now += 0.5 if self.trainer.training else 0.0
            return super().transfer_batch_to_device(batch, device, dataloader_idx)

    model, logger = Slow(), MetricsFile(tmp_path / "metrics.csv")
    fit(
        12,
        model=model,
        data=SlowData(batch_size=6),
        callbacks=[Throughput(peak=1e6)],
        logger=logger,
        log_every_n_steps=4,
        val_check_interval=4,
        accumulate_grad_batches=2,
    )
    curves = read_metrics(logger.path)
    flops = 6.0 * 6 * (384 * 16 + 16 * 8)
    # Four steps of two micro-batches; the first wait of all, and one after a validation, are
    # outside. A validation falls in the middle and at the end of each window of 8 micro-batches.
    seconds = [8 * 2.0 + 6 * 0.5] * 3
    expected = {
        "clips_per_second": [48 / s for s in seconds],
        "tokens_per_second": [48 * 8 / s for s in seconds],
        "model_tflops": [8 * flops / s / 1e12 for s in seconds],
        "utilisation": [8 * flops / s / 1e6 for s in seconds],
        "data_wait": [3.0 / s for s in seconds],
    }
    for name, values in expected.items():
        steps, found = curves[f"speed/{name}"]
        assert steps == [3, 7, 11]
        assert found == pytest.approx(values)


def test_a_checkpoint_is_not_counted(clock: Clock) -> None:
    callback = Throughput(peak=1.0)
    model, trainer = fit(1)
    callback.on_train_start(trainer, model)
    batch = next(iter(trainer.datamodule.train_dataloader()))
    for _ in range(2):
        clock.now += 7.0
        callback.on_save_checkpoint(trainer, model, {})
        callback.on_train_batch_start(trainer, model, batch, 0)
        clock.now += 1.0
        callback.on_train_batch_end(trainer, model, None, batch, 0)
    assert (callback._busy, callback._waited) == (2.0, 0.0)


def test_the_peak_is_measured_when_none_is_given() -> None:
    callback = Throughput()
    fit(1, callbacks=[callback])
    assert callback.source == "measured"
    assert callback.peak > 1e8
