from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.utilities.exceptions import SIGTERMException
from toy_training import ToyData, ToyModule, distance, fit, same_weights

from jepakit.training.callbacks import RunCheckpoints, RunRecord
from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.metrics_file import MetricsFile, read_metrics


class Keys(Callback):
    """Which samples each optimizer step saw."""

    def __init__(self) -> None:
        self.steps: dict[int, list[str]] = {}

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        self.steps.setdefault(trainer.global_step, []).extend(batch.keys)


def saver(folder: Path, every: int) -> RunCheckpoints:
    checkpoints = RunCheckpoints(every_n_steps=every)
    checkpoints.folder = folder
    return checkpoints


@pytest.mark.parametrize("workers", [0, 2])
def test_weights_optimizer_and_batches_are_those_of_an_uninterrupted_run(
    workers: int, tmp_path: Path
) -> None:
    whole, split = Keys(), Keys()
    data = {"size": 11, "workers": workers}  # the stop falls inside the second pass over the data
    straight, one = fit(8, data=ToyData(**data), callbacks=[whole])
    fit(5, data=ToyData(**data), callbacks=[split, saver(tmp_path, 3)])
    resumed, two = fit(
        8,
        data=ToyData(**data),
        callbacks=[split, saver(tmp_path, 3)],
        checkpoint=tmp_path / "last.ckpt",
    )
    assert same_weights(straight, resumed)
    assert whole.steps == split.steps
    states = [trainer.optimizers[0].state_dict()["state"] for trainer in (one, two)]
    for number, state in states[0].items():
        for name, value in state.items():
            assert torch.equal(value, states[1][number][name])


class Stop(Callback):
    """SIGTERM in the given micro-batch."""

    def __init__(self, batch_idx: int) -> None:
        self.batch_idx = batch_idx

    def on_train_batch_end(self, *args: Any) -> None:
        if args[-1] == self.batch_idx:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("batch_idx", [5, 6])
def test_sigterm_saves_also_between_accumulated_batches(batch_idx: int, tmp_path: Path) -> None:
    """Micro-batch 6 is the first half of step 3; Lightning alone would step after the second
    half with half of the gradient."""
    straight, _ = fit(6, accumulate_grad_batches=2)
    with pytest.raises(SIGTERMException):
        fit(
            6,
            accumulate_grad_batches=2,
            callbacks=[Stop(batch_idx), saver(tmp_path, 100)],
        )
    resumed, _ = fit(
        6,
        accumulate_grad_batches=2,
        callbacks=[saver(tmp_path, 100)],
        checkpoint=tmp_path / "last.ckpt",
    )
    assert same_weights(straight, resumed)


def test_a_validation_that_was_broken_off_runs_again(tmp_path: Path) -> None:
    class StopInValidation(Callback):
        def on_validation_batch_start(self, trainer: Any, *args: Any) -> None:
            if trainer.global_step == 4:
                os.kill(os.getpid(), signal.SIGTERM)

    def run(name: str, *callbacks: Callback, checkpoint: Path | None = None) -> ToyModule:
        folder = tmp_path / name
        record = RunRecord(folder / "run.json", config="")
        options = {"val_check_interval": 2, "log_every_n_steps": 1, "checkpoint": checkpoint}
        logger = MetricsFile(folder / "metrics.csv")
        return fit(6, logger=logger, callbacks=[saver(folder, 3), record, *callbacks], **options)[0]

    straight = run("whole")
    with pytest.raises(SIGTERMException):
        run("split", StopInValidation())
    resumed = run("split", checkpoint=tmp_path / "split" / "last.ckpt")
    assert same_weights(straight, resumed)
    whole, split = (read_metrics(tmp_path / name / "metrics.csv") for name in ("whole", "split"))
    assert whole == split
    assert split["val/loss"][0] == [1, 3, 5]


def test_accumulation_may_change_at_a_resume(tmp_path: Path) -> None:
    def quiet() -> ToyModule:
        return ToyModule(noise=0.0)

    straight, _ = fit(6, model=quiet(), data=ToyData(batch_size=8))
    fit(3, model=quiet(), data=ToyData(batch_size=8), callbacks=[saver(tmp_path, 100)])
    resumed, trainer = fit(
        6,
        model=quiet(),
        data=ToyData(batch_size=4),
        accumulate_grad_batches=2,
        callbacks=[saver(tmp_path, 100)],
        checkpoint=tmp_path / "last.ckpt",
    )
    assert trainer.global_step == 6
    assert distance(straight, resumed) < 1e-6


def test_metrics_and_validations_continue_where_they_were(tmp_path: Path) -> None:
    def run(name: str, steps: int, checkpoint: Path | None = None) -> None:
        folder = tmp_path / name
        callbacks = [saver(folder, 2), RunRecord(folder / "run.json", config="")]
        logger = MetricsFile(folder / "metrics.csv")
        options = {"val_check_interval": 2, "log_every_n_steps": 1}
        fit(steps, logger=logger, callbacks=callbacks, checkpoint=checkpoint, **options)

    run("whole", 8)
    run("split", 5)
    last = tmp_path / "split" / "last.ckpt"
    # As after a kill in step 4: two more steps were logged than saved.
    rewound = DurableCheckpointIO().load_checkpoint(last.with_name("last.previous.ckpt"))
    assert rewound["global_step"] == 4
    run("split", 8, last.with_name("last.previous.ckpt"))
    whole, split = (read_metrics(tmp_path / name / "metrics.csv") for name in ("whole", "split"))
    assert whole == split
    assert whole["val/loss"][0] == [1, 3, 5, 7]
    assert whole["train/loss"][0] == list(range(8))


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    first, _ = fit(4, callbacks=[saver(tmp_path, 100)])
    again, trainer = fit(4, callbacks=[saver(tmp_path, 100)], checkpoint=tmp_path / "last.ckpt")
    assert trainer.global_step == 4
    assert same_weights(first, again)


def test_longer_schedules_continue_after_the_end(tmp_path: Path) -> None:
    straight, _ = fit(7)
    fit(4, callbacks=[saver(tmp_path, 100)])
    resumed, trainer = fit(7, callbacks=[saver(tmp_path, 100)], checkpoint=tmp_path / "last.ckpt")
    assert trainer.global_step == 7
    assert same_weights(straight, resumed)
