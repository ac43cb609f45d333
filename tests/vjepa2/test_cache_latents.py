"""Latents kept for training: the command, and a training that starts from what it wrote."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from data_prep.job import Job
from data_prep.simulated.push import push
from jepakit.data.shard_reader import ShardReader
from jepakit.data.transitions.features import CachedFeatures
from jepakit.training.cli import TrainCLI
from jepakit.training.metrics_file import read_metrics
from jepakit.training.runs import build_model, load_run
from vjepa2.cache_latents import main
from vjepa2.dynamics import Dynamics

RECIPE = Path(__file__).resolve().parents[2] / "configs/vjepa2/push_dynamics.yaml"


@pytest.fixture(scope="module")
def episodes(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("episodes")
    push(str(folder), episodes=12, val_episodes=3, frames=10, size=64, job=Job(shard_items=5))
    return str(folder)


@pytest.fixture
def recipe(tmp_path: Path, episodes: str) -> Callable[..., str]:
    """The shipped recipe, made small, with these changes of the model."""

    def write(**model: Any) -> str:
        config = yaml.safe_load(RECIPE.read_text())
        arguments = config["model"]["init_args"]
        arguments["encoder"]["init_args"] |= {"width": 16, "depth": 1}
        arguments["readout"]["init_args"]["components"] = 8
        arguments["predictor"]["init_args"] |= {"width": 24, "depth": 1, "heads": 2}
        arguments["optimization"]["warmup_steps"] = 1
        arguments |= model
        del config["start_from"], config["data"]["init_args"]["features"]
        config["data"]["init_args"] |= {"train": episodes, "val": episodes, "batch_size": 4}
        config["trainer"] |= {"max_steps": 4, "log_every_n_steps": 1, "val_check_interval": 4}
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(config))
        return str(path)

    return write


def kept(recipe: str, folder: Path) -> Dynamics:
    """What the command made, as a model."""
    main(["--recipe", recipe, "--out", str(folder)])
    model = build_model(yaml.safe_load(Path(recipe).read_text())["model"])
    weights = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert isinstance(model, Dynamics)
    model.adopt(weights)
    return model.eval()


def test_what_is_kept_is_what_the_model_sees(
    recipe: Callable[..., str], episodes: str, tmp_path: Path
) -> None:
    model = kept(recipe(), tmp_path / "kept")
    reader = ShardReader(episodes, split="train")
    cache = CachedFeatures(str(tmp_path / "kept"), reader, encoder=model.encoder_sha256)
    assert cache.shape == (1, 8)
    with reader.open(7) as stored, torch.no_grad():
        expected = model.perception(torch.from_numpy(stored.frames())[None])[0]
    found = np.load(tmp_path / "kept" / f"{reader.shards[1].name}.npy")[2]
    assert np.abs(found - expected.numpy()).max() < 2e-3
    assert bool(model.perception.readout.fitted)


def test_a_training_from_kept_latents_is_that_from_frames(
    recipe: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, losses = recipe(), {}
    kept(file, tmp_path / "kept")
    common = ["--config", file, "--start_from", "kept", "--trainer.accelerator", "cpu"]
    for name, more in (("frames", []), ("latents", ["--data.features", "kept"])):
        monkeypatch.setattr(sys, "argv", ["train.py"])
        TrainCLI([*common, "--name", name, *more]).fit()
        losses[name] = [
            value
            for _, value in zip(
                *read_metrics(tmp_path / "runs" / name / "metrics.csv")["train/loss"], strict=True
            )
        ]
    assert losses["latents"] == pytest.approx(losses["frames"], rel=2e-3)
    TrainCLI(
        [
            *common,
            "--name",
            "latents",
            "--data.features",
            "kept",
            "--resume",
            "true",
            "--trainer.max_steps",
            "6",
        ]
    ).fit()
    model = load_run(tmp_path / "runs/latents")
    assert isinstance(model, Dynamics)
    assert bool(model.perception.readout.fitted)


def test_other_latents_are_refused(
    recipe: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those of another encoder, since the run does not start from theirs."""
    monkeypatch.chdir(tmp_path)
    file = recipe()
    kept(file, tmp_path / "kept")
    with pytest.raises((SystemExit, ValueError)) as stop:
        TrainCLI(["--config", file, "--name", "x", "--data.features", "kept"]).fit()
    assert "encoder" in str(stop.value) + capsys.readouterr().err


def test_a_readout_that_learns_is_refused(recipe: Callable[..., str], tmp_path: Path) -> None:
    readout = {"class_path": "jepakit.nn.VectorReadout"}
    objective = {"power": 2, "rollout": 1, "sigreg_weight": 1.0}
    file = recipe(readout=readout, objective=objective)
    with pytest.raises(SystemExit, match="set target to frozen"):
        main(["--recipe", file, "--out", str(tmp_path / "kept")])


def test_a_folder_of_another_encoder_is_refused(recipe: Callable[..., str], tmp_path: Path) -> None:
    """A rerun after the encoder changed must not keep the old latents without a word."""
    file, out = recipe(), str(tmp_path / "kept")
    main(["--recipe", file, "--out", out])
    main(["--recipe", file, "--out", out])
    with pytest.raises(SystemExit, match="another encoder"):
        main(["--recipe", file, "--out", out, "--seed", "1"])
