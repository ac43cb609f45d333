"""``python train.py`` as a person or a scheduler runs it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.metrics_file import read_metrics

ROOT = Path(__file__).parent.parent
TOYS = ROOT / "tests" / "jepakit" / "training"
CONFIG: dict[str, Any] = {
    "trainer": {
        "max_steps": 6,
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "val_check_interval": 3,
        "log_every_n_steps": 1,
        "gradient_clip_val": 1.0,
    },
    "model": {"class_path": "toy_training.ToyModule", "init_args": {"noise": 0.0}},
    "data": {"class_path": "toy_training.ToyData", "init_args": {"batch_size": 4}},
    "checkpoints": {"every_n_steps": 2},
    "collapse": {"every_n_steps": 1000},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path


def start(folder: Path, *args: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT), str(TOYS)])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    command = [sys.executable, str(ROOT / "train.py"), *args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes)


def train(folder: Path, *args: str) -> tuple[int, str, str]:
    process = start(folder, *args)
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


def weights(folder: Path, name: str) -> dict[str, Any]:
    path = folder / "runs" / name / "checkpoints" / "last.ckpt"
    return DurableCheckpointIO().load_checkpoint(path)["state_dict"]


def test_it_trains_and_says_little(folder: Path) -> None:
    code, out, err = train(folder, "--config", "toy.yaml")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("ToyModule, 6,400 trained parameters, 6 steps on 1 x cpu in 32-true")
    assert lines[1].startswith("step 6/6  loss ")
    assert len(lines) == 2
    assert err.splitlines() == ["Seed set to 0"] or err == ""


@pytest.mark.ddp
def test_two_processes_equal_one_with_the_joined_batch(folder: Path) -> None:
    code, _, err = train(folder, "--config", "toy.yaml", "--name", "one")
    assert code == 0, err
    code, _, err = train(
        folder,
        *("--config", "toy.yaml", "--name", "two", "--trainer.devices", "2"),
        *("--data.batch_size", "2"),
    )
    assert code == 0, err
    one, two = weights(folder, "one"), weights(folder, "two")
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6
    curves = [read_metrics(folder / "runs" / name / "metrics.csv") for name in ("one", "two")]
    for name in ("train/loss", "val/loss", "optim/grad_norm", "optim/lr", "optim/tau"):
        assert curves[0][name][0] == curves[1][name][0]
        assert curves[0][name][1] == pytest.approx(curves[1][name][1], rel=1e-5)


@pytest.mark.ddp
def test_a_bad_loss_on_one_rank_stops_both_before_the_step(folder: Path) -> None:
    args = ["--config", "toy.yaml", "--trainer.devices", "2", "--model.bad_step", "5"]
    code, _, err = train(folder, *args, "--model.bad_rank", "1")
    assert code == 1
    assert "error: Step 5: the loss or a gradient is not finite on some rank" in err
    losses = []
    for rank in (0, 1):
        file = folder / "runs" / "toy" / "failures" / f"step-00000005-rank-{rank}.json"
        (batch,) = json.loads(file.read_text())["batches"]
        assert len(batch["keys"]) == 4
        losses.append(batch["losses"]["loss"])
    assert losses[0] < 100
    assert losses[1] == float("inf")
    assert all(value.isfinite().all() for value in weights(folder, "toy").values())


def test_sigterm_saves_and_tells(folder: Path) -> None:
    process = start(folder, "--config", "toy.yaml", "--trainer.max_steps", "100000")
    metrics = folder / "runs" / "toy" / "metrics.csv"
    _wait_for_steps(metrics, 20)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "SIGTERM: saved after step" in err
    path = folder / "runs" / "toy" / "checkpoints" / "last.ckpt"
    step = DurableCheckpointIO().load_checkpoint(path)["global_step"]
    assert f"saved after step {step}," in err
    assert read_metrics(metrics)["train/loss"][0][-1] == step - 1


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_like_one_left_alone(folder: Path) -> None:
    steps = ["--trainer.max_steps", "150", "--model.noise", "0.1"]
    code, _, err = train(folder, "--config", "toy.yaml", "--name", "calm", *steps)
    assert code == 0, err
    args = ["--config", "toy.yaml", "--name", "killed", "--resume", "auto", *steps]
    metrics, kills = folder / "runs" / "killed" / "metrics.csv", 0
    order = random.Random(0)
    for signal_, until in zip(
        [signal.SIGKILL, signal.SIGTERM] * 3, sorted(order.sample(range(10, 140), 6)), strict=True
    ):
        process = start(folder, *args)
        _wait_for_steps(metrics, until)
        process.send_signal(signal_)
        process.communicate(timeout=60)
        kills += process.returncode != 0
    code, _, err = train(folder, *args)
    assert code == 0, err
    assert kills == 6
    calm, killed = (read_metrics(folder / "runs" / n / "metrics.csv") for n in ("calm", "killed"))
    for name in calm:
        if not name.startswith("speed/"):
            assert calm[name] == killed[name]
    one, two = weights(folder, "calm"), weights(folder, "killed")
    assert all(bool((one[name] == two[name]).all()) for name in one)
    assert not list((folder / "runs" / "killed").rglob("*.writing"))


def _wait_for_steps(metrics: Path, step: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if metrics.exists():
            curve = read_metrics(metrics).get("train/loss")
            if curve is not None and curve[0][-1] >= step:
                return
        time.sleep(0.02)
    pytest.fail(f"No step {step} in 120 s.")
