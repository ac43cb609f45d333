"""Run folders as a training leaves them, made without training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.runs import RunFolder, build_run


def causal_jepa(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """The model part of a recipe: this encoder, object masks, a predictor of one block."""
    predictor = {"width": 16, "depth": 1, "heads": 2}
    return {
        "class_path": "cjepa.CausalJEPA",
        "init_args": {
            "encoder": dict(encoder),
            "masker": "jepakit.masks.ObjectMasker",
            "predictor": {"class_path": "cjepa.Predictor", "init_args": predictor},
        },
    }


def write_run(
    folder: Path,
    config: Mapping[str, Any],
    *,
    seed: int = 3,
    noise: float = 0.0,
    noisy: tuple[str, ...] = ("",),
) -> Path:
    """``config.yaml`` and a last checkpoint, at step 7, of weights as they are first drawn.

    Args:
        folder: of the run.
        config: at least its model part.
        seed: of weights and noise; torch's global generator is left as found.
        noise: standard deviation of what is added to every parameter of the parts named, so that
            biases are not 0, and that an encoder and its moving average differ.
        noisy: beginnings of their names.
    """
    run = RunFolder(folder)
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    run.config.write_text(yaml.safe_dump(dict(config)))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = build_run(folder)
        for name, value in module.named_parameters():
            if noise and name.startswith(noisy):
                value.data += noise * torch.randn_like(value)
    DurableCheckpointIO().save_checkpoint(
        {"state_dict": module.state_dict(), "global_step": 7}, run.last
    )
    return folder
