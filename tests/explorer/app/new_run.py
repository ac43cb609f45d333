"""A run folder with a tiny Causal-JEPA, as a training leaves it."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml

from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.runs import RunFolder, build_model

ENCODER = {"width": 32, "depth": 2, "heads": 2, "frames": 4, "size": 32, "patch": 8, "tubelet": 2}
MODEL = {
    "class_path": "cjepa.CausalJEPA",
    "init_args": {
        "encoder": {"class_path": "jepakit.nn.VisionTransformer", "init_args": ENCODER},
        "masker": {"class_path": "jepakit.masks.ObjectMasker"},
        "predictor": {
            "class_path": "cjepa.Predictor",
            "init_args": {"width": 16, "depth": 1, "heads": 2},
        },
    },
}


def write_tiny_run(folder: Path) -> None:
    """``config.yaml`` and a checkpoint; the two encoders differ."""
    state = build_model(MODEL).state_dict()
    generator = torch.Generator().manual_seed(0)
    for name, value in state.items():
        if value.is_floating_point() and name.startswith("encoder."):
            value += 0.05 * torch.randn(value.shape, generator=generator)
    run = RunFolder(folder)
    run.checkpoints.mkdir(parents=True)
    run.config.write_text(yaml.safe_dump({"model": MODEL}))
    DurableCheckpointIO().save_checkpoint({"state_dict": state, "global_step": 7}, run.last)
