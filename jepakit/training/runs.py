"""Run folders: all that a finished or interrupted training leaves, enough to rebuild its model.

``runs/NAME/``: ``config.yaml`` (every option), ``run.json`` (versions, data), ``metrics.csv``,
``tensorboard/``, ``checkpoints/`` with ``last.ckpt`` and ``best.ckpt``, and ``failures/`` if any.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from jsonargparse import ArgumentParser

from jepakit.training.checkpoint_io import DurableCheckpointIO, previous
from jepakit.training.module import JepaModule


@dataclass(frozen=True)
class RunFolder:
    """The places in a run's folder."""

    path: Path

    @property
    def config(self) -> Path:
        """Every option of the run; ``train.py --config`` takes it."""
        return self.path / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def last(self) -> Path:
        """The last checkpoint; the one before it may stand in for it."""
        return self.checkpoints / "last.ckpt"

    @property
    def metrics(self) -> Path:
        """Logged values, see :func:`jepakit.training.metrics_file.read_metrics`."""
        return self.path / "metrics.csv"

    @property
    def record(self) -> Path:
        """Versions and data."""
        return self.path / "run.json"

    @property
    def failures(self) -> Path:
        """Folder of failure reports."""
        return self.path / "failures"

    def resumable(self) -> bool:
        """Whether there is a checkpoint to continue from."""
        return self.last.exists() or previous(self.last).exists()

    def read_config(self) -> dict[str, Any]:
        """The options.

        Raises:
            FileNotFoundError: this is no run folder.
        """
        if not self.config.exists():
            raise FileNotFoundError(f"{self.path} is no run folder: it has no {self.config.name}.")
        return yaml.safe_load(self.config.read_text())


def load_run(path: Path | str, checkpoint: Literal["last", "best"] = "last") -> JepaModule:
    """The trained model of a run, in evaluation mode on the CPU.

    Built from ``config.yaml`` as ``train.py`` built it, then filled with the checkpoint's weights;
    nothing is unpickled.

    Args:
        path: the run folder.
        checkpoint: the last state, or the one with the best monitored value.

    Raises:
        FileNotFoundError: the folder is no run, or has no such checkpoint.
        ValueError: the weights are not those of the configured model.
    """
    folder = RunFolder(Path(path))
    module = build_model(folder.read_config()["model"])
    fill(module, folder, checkpoint, which=f"that {folder.config} describes")
    return module.eval()


def fill(
    module: JepaModule,
    folder: RunFolder,
    checkpoint: Literal["last", "best"] = "last",
    *,
    which: str = "to be trained",
) -> None:
    """Give a model the weights of a run, be it for larger or longer clips.

    Raises:
        FileNotFoundError: the folder has no such checkpoint.
        ValueError: the weights are not those of such a model.
    """
    file = folder.checkpoints / f"{checkpoint}.ckpt"
    if not file.exists() and not previous(file).exists():
        there = sorted(found.name for found in folder.checkpoints.glob("*.ckpt"))
        raise FileNotFoundError(
            f"{folder.path} has no {file.name}, only {there or 'no checkpoint'}."
        )
    weights = DurableCheckpointIO().load_checkpoint(file)["state_dict"]
    try:
        module.adopt(weights)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"The weights in {file} do not fit the model {which}: {error}") from error


def build_run(path: Path | str) -> JepaModule:
    """The untrained model of a run, with weights of its own, in evaluation mode.

    Weights come from torch's global generator, so seed it first to repeat them.

    Raises:
        FileNotFoundError: the folder is no run.
    """
    return build_model(RunFolder(Path(path)).read_config()["model"]).eval()


def build_model(model: dict[str, Any]) -> JepaModule:
    """The model that the ``model`` part of a configuration describes, with weights of its own."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(JepaModule, "model", required=True)
    config = parser.parse_object({"model": model})
    with torch.random.fork_rng(devices=[]):
        return parser.instantiate(config).model
