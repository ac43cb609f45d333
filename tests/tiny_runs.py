"""A Causal-JEPA that trains in a second, started as ``train.py`` starts it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from two_ranks import run_two_ranks

from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.cli import TrainCLI
from jepakit.training.metrics_file import read_metrics

MARKS = [
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no:UserWarning"),
    pytest.mark.filterwarnings("ignore::jepakit.losses.SmallBatchWarning"),
]
"""For modules whose tests train."""

Train = Callable[..., TrainCLI]

ENCODER = {"width": 32, "depth": 1, "heads": 2, "frames": 4, "size": 32, "patch": 8, "tubelet": 2}
STEPS = 9


def tiny_config(data: Path) -> dict[str, Any]:
    """Nine steps on clips of 4 x 32 x 32; everything is logged."""
    predictor = {"width": 16, "depth": 1, "heads": 2}
    return {
        "seed_everything": 3,
        "model": {
            "class_path": "cjepa.CausalJEPA",
            "init_args": {
                "encoder": ENCODER,
                "masker": "jepakit.masks.ObjectMasker",
                "predictor": {"class_path": "cjepa.Predictor", "init_args": predictor},
                "optimization": {"warmup_steps": 2, "total_steps": STEPS, "ema": 0.9},
            },
        },
        "data": {
            "class_path": "jepakit.data.module.SceneDataModule",
            "init_args": {"train": str(data), "batch_size": 6},
        },
        "trainer": {
            "max_steps": STEPS,
            "accelerator": "cpu",
            "devices": 1,
            "logger": False,
            "log_every_n_steps": 1,
        },
        "throughput": {"peak": 1e9},
    }


def start(arguments: Sequence[str], callbacks: Sequence[Callback] = ()) -> TrainCLI:
    """``python train.py ARGUMENTS`` with further callbacks."""
    cli = TrainCLI(list(arguments))
    cli.trainer.callbacks += callbacks
    cli.fit()
    return cli


def checkpoint(name: str) -> dict[str, Any]:
    """The last state of ``runs/NAME``."""
    return DurableCheckpointIO().load_checkpoint(f"runs/{name}/checkpoints/last.ckpt")


def losses(name: str) -> dict[str, tuple[list[int], list[float]]]:
    """All that ``runs/NAME`` logged, except how fast it was."""
    curves = read_metrics(Path("runs") / name / "metrics.csv")
    return {key: curve for key, curve in curves.items() if not key.startswith("speed/")}


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Places where two nested states are not the same to the last bit."""
    if isinstance(one, torch.Tensor):
        return [] if torch.equal(one, other) else [place]
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return [f"{place}: {one.keys() ^ other.keys()}"]
        return [d for key in one for d in differences(one[key], other[key], f"{place}.{key}")]
    if isinstance(one, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{place}.{i}")]
    return [] if one == other else [place]


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Largest absolute difference of two sets of tensors."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


class KeepGradients(Callback):
    """Gradients as the optimizer gets them, before any clipping; rank 0 writes them at the end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.steps: list[dict[str, torch.Tensor]] = []

    def on_before_optimizer_step(self, trainer: Any, module: Any, optimizer: Any) -> None:
        named = module.named_parameters()
        self.steps.append({n: p.grad.clone() for n, p in named if p.grad is not None})

    def on_train_end(self, trainer: Any, module: Any) -> None:
        if trainer.is_global_zero:
            torch.save(self.steps, self.path)


class Double(Callback):
    """Computes in float64. (Lightning's own ``64-true`` cannot convert frozen batches.)"""

    def setup(self, trainer: Any, module: Any, stage: str) -> None:
        module.double()


PROGRAM = """
import json, sys
from tiny_runs import Double, KeepGradients, start
for name, arguments in json.loads(sys.argv[1]).items():
    start(arguments, [KeepGradients(f"{name}.pt"), *([] if "float32" in name else [Double()])])
"""


def on_two_ranks(runs: dict[str, list[str]]) -> None:
    """Train each of ``runs`` with two processes that live for all of them."""
    run_two_ranks(PROGRAM, Path.cwd(), json.dumps(runs))
