from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback
from toy_training import ToyModule, fit

from jepakit.training.callbacks import RunCheckpoints
from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.finite_guard import NonFiniteStepError


def checkpoints_in(folder: Path, **options: Any) -> RunCheckpoints:
    callback = RunCheckpoints(**options)
    callback.folder = folder
    return callback


class Scores(Callback):
    """Pretends that validations gave these values."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)

    def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
        module.log("score", self.values.pop(0))


@pytest.mark.parametrize(("mode", "best_step"), [("min", 4), ("max", 6)])
def test_best_is_by_the_monitored_value(mode: str, best_step: int, tmp_path: Path) -> None:
    kept = checkpoints_in(tmp_path, every_n_steps=100, monitor="score", mode=mode)
    fit(8, callbacks=[Scores(2.0, 1.0, 3.0, 1.5), kept], val_check_interval=2)
    load = DurableCheckpointIO().load_checkpoint
    assert load(tmp_path / "best.ckpt")["global_step"] == best_step
    assert load(tmp_path / "last.ckpt")["global_step"] == 8


def test_best_is_remembered_over_a_resume(tmp_path: Path) -> None:
    options = {"every_n_steps": 100, "monitor": "score"}
    kept = checkpoints_in(tmp_path, **options)
    fit(4, callbacks=[Scores(2.0, 1.0), kept], val_check_interval=2)
    kept = checkpoints_in(tmp_path, **options)
    last = tmp_path / "last.ckpt"
    fit(8, callbacks=[Scores(1.5, 1.2), kept], val_check_interval=2, checkpoint=last)
    assert DurableCheckpointIO().load_checkpoint(tmp_path / "best.ckpt")["global_step"] == 4


def test_without_the_value_there_is_no_best(tmp_path: Path) -> None:
    fit(4, callbacks=[checkpoints_in(tmp_path, monitor="nothing")], val_check_interval=2)
    assert not (tmp_path / "best.ckpt").exists()


def test_leftovers_of_a_killed_save_are_removed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt.writing").write_bytes(b"half")
    fit(1, callbacks=[checkpoints_in(tmp_path)])
    assert not list(tmp_path.glob("*.writing"))


def test_a_failed_step_leaves_the_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteStepError):
        fit(8, model=ToyModule(bad_step=5), callbacks=[checkpoints_in(tmp_path, every_n_steps=2)])
    loaded = DurableCheckpointIO().load_checkpoint(tmp_path / "last.ckpt")
    assert loaded["global_step"] == 4
    assert all(value.isfinite().all() for value in loaded["state_dict"].values())


def test_interval_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="every_n_steps must be at least 1, it is 0"):
        RunCheckpoints(0)


def test_a_resumed_run_does_not_save_again_what_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves, save = [], DurableCheckpointIO.save_checkpoint

    def noted(self: DurableCheckpointIO, checkpoint: Any, *rest: Any, **named: Any) -> None:
        saves.append(checkpoint["global_step"])
        save(self, checkpoint, *rest, **named)

    monkeypatch.setattr(DurableCheckpointIO, "save_checkpoint", noted)
    fit(4, callbacks=[checkpoints_in(tmp_path, every_n_steps=2)])
    last = tmp_path / "last.ckpt"
    fit(7, callbacks=[checkpoints_in(tmp_path, every_n_steps=2)], checkpoint=last)
    assert saves == [2, 4, 6, 7]
