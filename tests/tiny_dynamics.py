"""An untrained world model of the push world in a run folder, without the time to train one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import run_folders

from jepakit.actions import PUSH
from jepakit.training.module import JepaModule
from jepakit.training.runs import load_run

SIZE = 32


def encoder() -> dict[str, Any]:
    return {"width": 24, "depth": 1, "heads": 2, "frames": 2, "size": SIZE, "patch": 8}


def actions() -> dict[str, Any]:
    """The action space of the push world as a recipe states it."""
    return json.loads(json.dumps(dataclasses.asdict(PUSH)))


def dynamics(*, frames: int = 8) -> dict[str, Any]:
    """The model part of a recipe; without a memory, imagination reaches ``frames - 1`` steps."""
    predictor = {"width": 24, "depth": 1, "heads": 2, "pairing": "interleaved"}
    return {
        "class_path": "vjepa2.dynamics.Dynamics",
        "init_args": {
            "encoder": encoder(),
            "actions": actions(),
            "frames": frames,
            "predictor": {
                "class_path": "vjepa2.action_predictor.ActionPredictor",
                "init_args": predictor,
            },
        },
    }


def cloning() -> dict[str, Any]:
    """The model part of the recipe of a policy."""
    arguments = {"encoder": encoder(), "actions": actions(), "frames": 4, "hidden": 16}
    return {"class_path": "vjepa2.cloning.Cloning", "init_args": arguments}


def write_run(folder: Path, model: dict[str, Any]) -> JepaModule:
    """A run folder whose weights are random, the same each time."""
    # Noise on biases and norms too: a wrong path shows.
    run_folders.write_run(folder, {"model": model}, seed=0, noise=0.05)
    (folder / "run.json").write_text(json.dumps({"starts": [{"data": {"fingerprint": "f" * 64}}]}))
    return load_run(folder)
