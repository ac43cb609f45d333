from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from toy_training import ToyModule

from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.runs import RunFolder, build_run, load_run

MODEL = {"class_path": "toy_training.ToyModule", "init_args": {"width": 5}}


def run_of(path: Path, module: ToyModule, model: dict[str, Any] = MODEL) -> RunFolder:
    folder = RunFolder(path)
    path.mkdir(parents=True)
    folder.config.write_text(yaml.safe_dump({"model": model, "trainer": {"max_steps": 3}}))
    DurableCheckpointIO().save_checkpoint({"state_dict": module.state_dict()}, folder.last)
    return folder


def changed(width: int = 5) -> ToyModule:
    module = ToyModule(width)
    with torch.no_grad():
        module.student[0].weight.fill_(0.5)
    return module


def test_a_run_gives_its_model_back(tmp_path: Path) -> None:
    module = changed()
    run_of(tmp_path / "run", module)
    before = torch.random.get_rng_state()
    loaded = load_run(tmp_path / "run")
    assert isinstance(loaded, ToyModule)
    assert not loaded.training
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, value in module.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


def test_best_is_another_file(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", ToyModule(5))
    with pytest.raises(FileNotFoundError, match=r"has no best.ckpt, only \['last.ckpt'\]"):
        load_run(folder.path, "best")
    best = {"state_dict": changed().state_dict()}
    DurableCheckpointIO().save_checkpoint(best, folder.checkpoints / "best.ckpt")
    assert load_run(str(folder.path), "best").student[0].weight[0, 0].item() == 0.5
    assert load_run(folder.path).student[0].weight[0, 0].item() != 0.5


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"is no run folder: it has no config\.yaml"):
        load_run(tmp_path)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    run_of(tmp_path / "run", ToyModule(6))
    with pytest.raises(ValueError, match=r"do not fit the model that .*config.yaml describes"):
        load_run(tmp_path / "run")


def test_a_model_before_training_follows_the_seed(tmp_path: Path) -> None:
    model = {"class_path": "toy_training.ToyModule", "init_args": {"start": None}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"model": model}))
    weights = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        weights.append(build_run(tmp_path).student[0].weight)
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[1])
