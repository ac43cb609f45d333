"""A run folder with a tiny Causal-JEPA, as a training leaves it."""

from __future__ import annotations

from pathlib import Path

from run_folders import causal_jepa, write_run

ENCODER = {"width": 32, "depth": 2, "heads": 2, "frames": 4, "size": 32, "patch": 8, "tubelet": 2}
MODEL = causal_jepa(ENCODER)


def write_tiny_run(folder: Path) -> None:
    """``config.yaml`` and a checkpoint; the two encoders differ."""
    write_run(folder, {"model": MODEL}, seed=0, noise=0.05, noisy=("encoder.",))
