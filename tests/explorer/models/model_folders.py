"""Run folders as a training leaves them, made without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml

from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.runs import RunFolder, build_model

ENCODER = {"width": 32, "depth": 2, "heads": 2, "frames": 4, "size": 32, "patch": 8, "tubelet": 2}


def causal_config(**encoder: Any) -> dict[str, Any]:
    """A tiny Causal-JEPA."""
    predictor = {"width": 16, "depth": 1, "heads": 2}
    return {
        "class_path": "cjepa.CausalJEPA",
        "init_args": {
            "encoder": {
                "class_path": "jepakit.nn.VisionTransformer",
                "init_args": ENCODER | encoder,
            },
            "masker": {"class_path": "jepakit.masks.ObjectMasker"},
            "predictor": {"class_path": "cjepa.Predictor", "init_args": predictor},
        },
    }


def video_config(**encoder: Any) -> dict[str, Any]:
    """A small V-JEPA 2; ``variant="2.1"`` has levels and takes still images."""
    sizes = {"name": "vit_ti", "frames": 4, "size": 32, "patch": 8}
    predictor = {"width": 48, "depth": 1, "heads": 2}
    return {
        "class_path": "vjepa2.VJEPA2",
        "init_args": {
            "encoder": {"class_path": "vjepa2.Encoder", "init_args": sizes | encoder},
            "masker": {"class_path": "jepakit.masks.TubeMasker"},
            "predictor": {"class_path": "vjepa2.Predictor", "init_args": predictor},
        },
    }


def write_run(folder: Path, config: dict[str, Any], *, seed: int = 0) -> None:
    """``config.yaml`` and a checkpoint; the target encoder differs from the context encoder."""
    module = build_model(config)
    generator = torch.Generator().manual_seed(seed)
    state = module.state_dict()
    for name, value in state.items():
        if value.is_floating_point() and name.startswith(("encoder.", "target_encoder.")):
            value += 0.02 * torch.randn(value.shape, generator=generator)
    run = RunFolder(folder)
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    run.config.write_text(yaml.safe_dump({"model": config}))
    DurableCheckpointIO().save_checkpoint({"state_dict": state, "global_step": 7}, run.last)
