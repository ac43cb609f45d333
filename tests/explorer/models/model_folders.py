"""Tiny models of both families, and their run folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import run_folders
from run_folders import causal_jepa

ENCODER = {"width": 32, "depth": 2, "heads": 2, "frames": 4, "size": 32, "patch": 8, "tubelet": 2}


def causal_config(**encoder: Any) -> dict[str, Any]:
    """A tiny Causal-JEPA."""
    return causal_jepa(ENCODER | encoder)


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
    """A run whose target encoder differs from its context encoder."""
    noisy = ("encoder.", "target_encoder.")
    run_folders.write_run(folder, {"model": config}, seed=seed, noise=0.02, noisy=noisy)
