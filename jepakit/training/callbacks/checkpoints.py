"""``last.ckpt`` and ``best.ckpt`` of a run folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from jepakit.training.checkpoint_io import remove_leftovers


class RunCheckpoints(Callback):
    """Saves the last state by step and the best by a monitored value.

    The last state is written at the *start* of the next batch: then a validation due at the same
    step has run, its values are logged, and a resumed run need not repeat it. It is also written at
    the end and on SIGTERM, but never on another error: the state might be half a step.

    Lightning's ModelCheckpoint keeps absolute paths in its state, saves before the validation of a
    step and skips that validation on resume.
    """

    def __init__(
        self,
        every_n_steps: int = 500,
        *,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
    ) -> None:
        """Keep the settings; the run folder sets ``folder``.

        Args:
            every_n_steps: optimizer steps between writes of ``last.ckpt``.
            monitor: logged value by which ``best.ckpt`` is chosen; runs without it keep no best.
            mode: whether a smaller or a larger value is better.

        Raises:
            ValueError: ``every_n_steps`` is below 1.
        """
        if every_n_steps < 1:
            raise ValueError(f"every_n_steps must be at least 1, it is {every_n_steps}.")
        self.every_n_steps = every_n_steps
        self.monitor = monitor
        self.mode = mode
        self.folder: Path | None = None
        self._best = math.inf if mode == "min" else -math.inf
        self._saved_step = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:  # noqa: ARG002
        """Remove what a killed save left."""
        if self.folder is not None and trainer.is_global_zero:
            remove_leftovers(self.folder)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """What was resumed is saved already."""
        self._saved_step = trainer.global_step

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Save the state after the step before, when one is due."""
        if trainer.global_step % self.every_n_steps == 0:
            self._save_last(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Save the best."""
        score = trainer.callback_metrics.get(self.monitor)
        if score is None or trainer.sanity_checking or self.folder is None:
            return
        better = score < self._best if self.mode == "min" else score > self._best
        if trainer.strategy.reduce_boolean_decision(bool(better)):
            self._best = float(score)
            trainer.save_checkpoint(self.folder / "best.ckpt")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Save the end."""
        self._save_last(trainer)

    def on_exception(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        exception: BaseException,
    ) -> None:
        """Save on SIGTERM, which Lightning raises between two batches and on all ranks."""
        if isinstance(exception, SIGTERMException):
            self._save_last(trainer)

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from it."""
        self._best = state_dict["best"]

    def _save_last(self, trainer: Trainer) -> None:
        if self.folder is not None and trainer.global_step != self._saved_step:
            trainer.save_checkpoint(self.folder / "last.ckpt")
            self._saved_step = trainer.global_step
