"""How fast a run is, in clips, tokens and model FLOPs."""

from __future__ import annotations

import time
from math import prod
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from jepakit.batch import SceneBatch
from jepakit.training.module import JepaModule
from jepakit.training.peak_flops import peak_flops


class Throughput(Callback):
    """Logs speed over the steps between two logs, of all ranks together.

    ``clips_per_second``; ``tokens_per_second``, all tokens of the clips, hidden or not;
    ``model_tflops`` per device, from the model's own formulas, so that padding and recomputation do
    not count; ``utilisation``, that over the device's peak; ``data_wait``, the share of time in
    which the host waited for a batch (on a GPU an upper bound: the device may have been busy).
    Validations and checkpoints are not counted. The device is waited for at log steps only, when
    Lightning reads the losses anyway.
    """

    def __init__(self, peak: float | None = None) -> None:
        """Keep the peak.

        Args:
            peak: FLOP/s of one device; from a table of known GPUs by default, else measured.
        """
        self.peak = peak
        self.source = "given"
        self._reset()

    def _reset(self) -> None:
        self._clips = self._tokens = 0
        self._flops = self._busy = self._waited = 0.0
        self._began = time.perf_counter()
        self._ended: float | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look up or measure the peak."""
        self._reset()
        if self.peak is None:
            half = torch.bfloat16 if "bf16" in str(trainer.precision) else torch.float16
            dtype = half if "16" in str(trainer.precision) else torch.float32
            self.peak, self.source = peak_flops(pl_module.device, dtype)

    def on_train_batch_start(
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """End of the wait for data."""
        self._began = time.perf_counter()
        if self._ended is not None:
            self._waited += self._began - self._ended

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count the batch, and log at log steps."""
        assert isinstance(pl_module, JepaModule)
        self._clips += len(batch)
        still = isinstance(batch, SceneBatch) and batch.frames.shape[1] == 1
        self._tokens += len(batch) * prod(pl_module.request.grid[1 if still else 0 :])
        self._flops += pl_module.flops(batch)
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        logs = stepped and trainer.global_step % _log_interval(trainer) == 0
        if logs and pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        self._ended = time.perf_counter()
        self._busy += self._ended - self._began
        if logs:
            self._log(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """A validation is not waiting for data."""
        self._ended = None

    def on_save_checkpoint(
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,  # noqa: ARG002
        checkpoint: dict[str, Any],  # noqa: ARG002
    ) -> None:
        """Nor is a checkpoint, written before the next batch starts."""
        self._ended = None

    def _log(self, trainer: Trainer) -> None:
        seconds, ranks = self._busy + self._waited, trainer.world_size
        assert self.peak is not None
        values = {
            "speed/clips_per_second": ranks * self._clips / seconds,
            "speed/tokens_per_second": ranks * self._tokens / seconds,
            "speed/model_tflops": self._flops / seconds / 1e12,
            "speed/utilisation": self._flops / seconds / self.peak,
            "speed/data_wait": self._waited / seconds,
        }
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step - 1)
        self._reset()
        self._ended = time.perf_counter()


def _log_interval(trainer: Trainer) -> int:
    return trainer.log_every_n_steps  # type: ignore[attr-defined]
