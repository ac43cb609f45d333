"""What EMA, SIGReg and logging take of a training step, in CPU seconds.

Run ``python -m bench.overhead``. A few steps of the ViT-S recipe go through the trainer with the
callbacks and loggers of a run, on batches far smaller than the recipe's: what does not grow with
the batch weighs more here than in training. Values are logged in every step and the collapse
monitor looks in every step; both costs are then divided by the recipe's intervals.
"""

from __future__ import annotations

import argparse
import functools
import logging
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.connectors.logger_connector.logger_connector import _LoggerConnector
from rich.console import Console

from bench.configured import build_model, masked_batches
from bench.harness import emit, show
from jepakit.batch import SceneBatch
from jepakit.losses import SmallBatchWarning
from jepakit.training import JepaModule, Optimization
from jepakit.training.callbacks import CollapseMonitor, Progress, Throughput
from jepakit.training.ema import Ema
from jepakit.training.metrics_file import MetricsFile

BAR = 0.05
LOGGED_EVERY, LOOKED_EVERY = 50, 100
PARTS: dict[str, list[tuple[type, str]]] = {
    "EMA": [(Ema, "update")],
    "logging, log steps": [(JepaModule, "_log"), (_LoggerConnector, "update_train_step_metrics")],
    "logging, every step": [
        (_LoggerConnector, "on_batch_end"),
        (Throughput, "on_train_batch_start"),
        (Throughput, "on_train_batch_end"),
        (Progress, "on_train_batch_end"),
    ],
    "collapse monitor": [(CollapseMonitor, "on_train_batch_end")],
    "norm, guard, clip": [(JepaModule, "configure_gradient_clipping")],
}
"""Calls that belong to a part; what one calls of another counts for that one."""


class CpuTimes:
    """CPU seconds spent inside labelled calls, each without the labelled calls inside it."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []

    def measured(self, label: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, with its seconds added to ``label``."""

        @functools.wraps(call)
        def timed(*args: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            start = time.process_time()
            try:
                return call(*args, **named)
            finally:
                seconds = time.process_time() - start
                self.spent[label] += seconds - self._inner.pop()
                if self._inner:
                    self._inner[-1] += seconds

        return timed

    @contextmanager
    def watching(self, parts: dict[str, list[tuple[type, str]]]) -> Iterator[None]:
        """Measure methods of classes while the block runs."""
        kept = [
            (owner, name, vars(owner)[name]) for calls in parts.values() for owner, name in calls
        ]
        for label, calls in parts.items():
            for owner, name in calls:
                setattr(owner, name, self.measured(label, vars(owner)[name]))
        try:
            yield
        finally:
            for owner, name, call in kept:
                setattr(owner, name, call)


class _Batches(LightningDataModule):
    """Gives these batches; a list of them Lightning would take for several loaders."""

    def __init__(self, batches: Sequence[SceneBatch]) -> None:
        super().__init__()
        self.batches = batches

    def __iter__(self) -> Iterator[SceneBatch]:
        return iter(self.batches)

    def train_dataloader(self) -> Iterable[SceneBatch]:
        return self


def shares(model: JepaModule, batches: Sequence[SceneBatch]) -> dict[str, float]:
    """CPU seconds per step of each part, and of the whole under ``step``; the first is warm-up."""
    times, marks = CpuTimes(), []

    class Marks(Callback):
        def on_train_batch_start(self, *_: Any) -> None:
            marks.append((time.process_time(), dict(times.spent)))

    progress, monitor = Progress(), CollapseMonitor(every_n_steps=1)
    progress.console = Console(quiet=True)
    width = model.loss(batches[0]).pooled.shape[1]
    monitor.load_state_dict({"bad_looks": 0, "recent": [torch.randn(monitor.samples, width)]})
    with tempfile.TemporaryDirectory() as folder, times.watching(PARTS):
        trainer = Trainer(
            max_steps=len(batches),
            accelerator="cpu",
            devices=1,
            callbacks=[Throughput(peak=1e12), monitor, progress, Marks()],
            logger=[
                MetricsFile(Path(folder) / "metrics.csv"),
                TensorBoardLogger(folder, name="", version="tensorboard"),
            ],
            log_every_n_steps=1,
            gradient_clip_val=1.0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(model, datamodule=_Batches(batches))
    steps = len(marks) - 2
    (began, before), (ended, after) = marks[1], marks[-1]
    spent = {part: (after.get(part, 0.0) - before.get(part, 0.0)) / steps for part in PARTS}
    return spent | {"step": (ended - began) / steps}


def sigreg_seconds(regulariser: torch.nn.Module, pooled: torch.Tensor, rounds: int = 7) -> float:
    """Median CPU seconds of a regulariser forward and backward."""
    taken = []
    for step in range(rounds + 1):
        x = pooled.detach().requires_grad_()
        start = time.process_time()
        regulariser(x, step=step).backward()
        taken.append(time.process_time() - start)
    return median(taken[1:])


def main() -> None:
    """Print a table and one line of JSON."""
    warnings.simplefilter("ignore", SmallBatchWarning)
    warnings.filterwarnings("ignore", message=".*(treespec, LeafSpec|no `val_dataloader`).*")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="vit_s")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    args = parser.parse_args()
    model = build_model(args.config)
    model.optimization = Optimization(warmup_steps=0)  # the recipe's is longer than this run
    batches = masked_batches(model, args.batch, count=args.steps + 2)
    spent = shares(model, batches)
    spent["SIGReg"] = sigreg_seconds(model.sigreg, torch.randn(args.batch, model.width))
    step = spent.pop("step")
    spent["logging, log steps"] /= LOGGED_EVERY
    spent["collapse monitor"] /= LOOKED_EVERY
    counted = sum(seconds for part, seconds in spent.items() if part != "norm, guard, clip")
    rows = [[part, 1e3 * seconds, 100 * seconds / step] for part, seconds in spent.items()]
    rows.append(["EMA, SIGReg and logging", 1e3 * counted, 100 * counted / step])
    title = f"{args.config}, batch {args.batch}: step {step:.2f} CPU s; bar {100 * BAR:.0f} %"
    show(title, ["part", "CPU ms per step", "% of step"], rows)
    figures = {part: seconds / step for part, seconds in spent.items()}
    emit("overhead", {"step": step, "shares": figures, "total": counted / step, "bar": BAR})


if __name__ == "__main__":
    main()
