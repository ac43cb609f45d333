from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch.loggers import TensorBoardLogger

from jepakit.training import precision
from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.cli import TrainCLI
from jepakit.training.metrics_file import read_metrics
from jepakit.training.runs import load_run

CONFIG: dict[str, Any] = {
    "seed_everything": 1,
    "trainer": {
        "max_steps": 4,
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "val_check_interval": 2,
        "log_every_n_steps": 1,
    },
    "model": {
        "class_path": "toy_training.ToyModule",
        "init_args": {"optimization": {"warmup_steps": 2, "total_steps": 8}},
    },
    "data": {"class_path": "toy_training.ToyData"},
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    Path("toy.yaml").write_text(yaml.safe_dump(CONFIG))


def train(*args: str) -> TrainCLI:
    cli = TrainCLI([*args])
    cli.fit()
    return cli


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    with pytest.raises(SystemExit) as exit_:
        train(*args)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_a_run_folder_has_all_that_belongs_to_it() -> None:
    train("--config", "toy.yaml")
    run = Path("runs/toy")
    assert {file.name for file in run.iterdir()} == {
        "checkpoints",
        "config.yaml",
        "metrics.csv",
        "run.json",
    }
    assert {file.name for file in (run / "checkpoints").glob("*.ckpt")} >= {
        "last.ckpt",
        "best.ckpt",
    }
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["trainer"]["max_steps"] == 4
    assert not {"resume", "dry_run", "name", "config"} & config.keys()
    names = read_metrics(run / "metrics.csv").keys()
    assert {"train/loss", "val/loss", "optim/lr", "speed/clips_per_second"} <= names


def test_tensorboard_is_the_default_logger() -> None:
    Path("tb.yaml").write_text(yaml.safe_dump({"trainer": {"logger": None}}))
    cli = TrainCLI(["--config", "toy.yaml", "--config", "tb.yaml"])
    assert isinstance(cli.trainer.loggers[1], TensorBoardLogger)
    assert Path(cli.trainer.loggers[1].log_dir) == Path("runs/toy-tb/tensorboard")


def test_resume_by_name_alone_continues_to_the_same_weights() -> None:
    train("--config", "toy.yaml", "--name", "whole", "--trainer.max_steps", "6")
    train("--config", "toy.yaml", "--name", "split")
    train("--name", "split", "--resume", "true", "--trainer.max_steps", "6")
    whole, split = (load_run(Path("runs") / name) for name in ("whole", "split"))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, split.state_dict()[name])


def test_auto_resumes_what_there_is() -> None:
    for steps in ("2", "4"):
        train("--config", "toy.yaml", "--resume", "auto", "--trainer.max_steps", steps)
    loaded = DurableCheckpointIO().load_checkpoint("runs/toy/checkpoints/last.ckpt")
    assert loaded["global_step"] == 4


def test_the_seed_reaches_weights_and_steps() -> None:
    cli = train("--config", "toy.yaml", "--seed_everything", "7")
    assert cli.model.step_seed == 7


def test_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    train("--config", "toy.yaml", "--dry-run")
    assert "Dry run: one step" in capsys.readouterr().out
    assert not Path("runs").exists()


def test_print_config_shows_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train("--config", "toy.yaml", "--print_config")
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["model"]["init_args"]["optimization"]["warmup_steps"] == 2
    assert shown["checkpoints"]["every_n_steps"] == 500


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--model.widht", "3"], "Accepted in ToyModule: width, noise,"),
        (["--model.widht", "3"], "Did you mean 'width'?"),
        (["--model.noise", "loud"], "Expected a <class 'float'>. Got value: loud"),
        (["--model.optimization.lrr", "3"], "Accepted in Optimization: lr, start_lr,"),
        (["--data.workes", "2"], "Accepted in ToyData: size, batch_size, workers"),
        (["--trainer.max_step", "3"], "Did you mean 'max_steps'?"),
        (["--collaps.patience", "3"], "unrecognized arguments"),
        (["--nonsense", "3"], "Accepted in the command line: checkpoints, collapse, config,"),
        (["--checkpoints.mode", "mid"], "Expected a typing.Literal['min', 'max']"),
        (["--resume", "maybe"], "Expected a typing.Literal['auto']"),
        (["--model", "toy_training.Missing"], "no attribute 'Missing'"),
        (["--trainer.max_steps", "-1"], "trainer.max_steps is required"),
        (["--trainer.max_epochs", "2"], "There are no epochs"),
        (
            ["--trainer.accumulate_grad_batches", "3"],
            "must be a multiple of accumulate_grad_batches",
        ),
        (["--resume", "true"], "nothing to resume in runs/toy"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_built(
    args: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainCLI, "instantiate_classes", lambda _: pytest.fail("was built"))
    assert told in refused(capsys, "--config", "toy.yaml", *args)
    assert not Path("runs").exists()


def test_an_unknown_key_in_a_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.yaml").write_text(yaml.safe_dump({"modle": 1}))
    told = refused(capsys, "--config", "toy.yaml", "--config", "bad.yaml")
    assert "Option 'modle' is not accepted" in told
    assert "Did you mean 'model'?" in told


def test_emulated_bf16_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    told = refused(capsys, "--config", "toy.yaml", "--trainer.precision", "bf16-mixed")
    assert "16 times slower" in told


def test_a_run_is_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    train("--config", "toy.yaml")
    assert "The run runs/toy exists" in refused(capsys, "--config", "toy.yaml")


def test_a_run_without_a_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model", "toy_training.ToyModule", "--data", "toy_training.ToyData"]
    assert "A run needs a name" in refused(capsys, *options, "--trainer.max_steps", "2")


def test_a_run_is_not_resumed_with_another_model(capsys: pytest.CaptureFixture[str]) -> None:
    train("--config", "toy.yaml")
    told = refused(capsys, "--config", "toy.yaml", "--resume", "true", "--model.width", "9")
    assert "started with another model.init_args.width" in told


def test_a_bad_step_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_, pytest.warns(UserWarning, match="batch keys"):
        train("--config", "toy.yaml", "--model.bad_step", "2")
    assert str(exit_.value.code).startswith("error: Step 2: the loss or a gradient is not finite")
    assert Path("runs/toy/failures/step-00000002-rank-0.json").exists()
