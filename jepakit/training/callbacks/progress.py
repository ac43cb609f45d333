"""Where a run is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from jepakit.training.metrics_file import MetricsFile

SHOWN = {
    "train/loss": "loss {:.4f}",
    "val/loss": "val {:.4f}",
    "speed/clips_per_second": "{:.1f} clips/s",
}


class Progress(Callback):
    """Shows step, last logged loss, clips per second and the time left, on rank 0.

    It reads values that were logged anyway, and so never makes a step wait for the device.
    """

    def __init__(self, every_seconds: float = 30.0) -> None:
        """Keep the interval.

        Args:
            every_seconds: time between two lines when the output is no terminal.
        """
        self.every_seconds = every_seconds
        self.console = Console()
        self._bar: Bar | None = None
        self._first_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Open the bar."""
        self._started = self._shown = time.monotonic()
        self._first_step = trainer.global_step
        if trainer.is_global_zero and self.console.is_terminal:
            columns = [BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[values]}")]
            self._bar = Bar(*columns, TimeRemainingColumn(), console=self.console)
            self._task = self._bar.add_task(
                "", total=trainer.max_steps, completed=trainer.global_step, values=""
            )
            self._bar.start()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Move the bar, or print a line when it is time."""
        if self._bar is not None:
            self._bar.update(self._task, completed=trainer.global_step, values=_values(trainer))
        elif trainer.is_global_zero and time.monotonic() - self._shown >= self.every_seconds:
            self._shown = time.monotonic()
            self._print(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Close the bar and print a last line."""
        self._close()
        if trainer.is_global_zero:
            self._print(trainer)

    def on_exception(
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,  # noqa: ARG002
        exception: BaseException,  # noqa: ARG002
    ) -> None:
        """Give the terminal back."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _print(self, trainer: Trainer) -> None:
        done, passed = trainer.global_step - self._first_step, time.monotonic() - self._started
        left = passed / max(done, 1) * (trainer.max_steps - trainer.global_step)
        parts = [f"step {trainer.global_step}/{trainer.max_steps}", _values(trainer)]
        parts.append(f"{_clock(left)} left" if left else f"took {_clock(passed)}")
        line = "  ".join(part for part in parts if part)
        self.console.print(line, highlight=False, soft_wrap=True)


def _values(trainer: Trainer) -> str:
    latest: dict[str, float] = {}
    for logger in trainer.loggers:
        if isinstance(logger, MetricsFile):
            latest = logger.latest
    return "  ".join(form.format(latest[name]) for name, form in SHOWN.items() if name in latest)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
