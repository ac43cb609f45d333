"""Watches whether the features still differ from sample to sample."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor

from jepakit.losses.collapse import effective_rank, feature_std


class CollapseMonitor(Callback):
    """Logs effective rank and feature std of recent pooled features, and raises an alarm.

    Rank 0 looks at its own samples. The alarm is a warning, given once per collapse, after
    ``patience`` looks in a row below a limit.

    The loss cannot tell: in a collapsed run it falls nicely.
    """

    def __init__(
        self,
        every_n_steps: int = 100,
        *,
        samples: int = 256,
        min_rank: float = 2.0,
        min_std: float = 1e-3,
        patience: int = 5,
    ) -> None:
        """Keep the settings.

        Args:
            every_n_steps: optimizer steps between two looks.
            samples: how many recent samples are looked at.
            min_rank: effective rank below which a look counts as collapsed.
            min_std: feature standard deviation below which a look counts as collapsed.
            patience: looks in a row before the alarm.

        Raises:
            ValueError: fewer than 2 samples, or a number of steps or looks below 1.
        """
        if samples < 2 or every_n_steps < 1 or patience < 1:
            raise ValueError(
                "The monitor needs samples >= 2, every_n_steps >= 1 and patience >= 1, not "
                f"{samples}, {every_n_steps} and {patience}."
            )
        self.every_n_steps = every_n_steps
        self.samples = samples
        self.min_rank = min_rank
        self.min_std = min_std
        self.patience = patience
        self._recent: deque[Tensor] = deque()
        self._bad_looks = 0

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Any,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """Keep the features; look at them when it is time."""
        self._recent.append(outputs["pooled"])
        while sum(map(len, self._recent)) - len(self._recent[0]) >= self.samples:
            self._recent.popleft()
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if trainer.is_global_zero and stepped and trainer.global_step % self.every_n_steps == 0:
            self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        device = self._recent[-1].device  # restored features come from the CPU
        features = torch.cat([part.to(device) for part in self._recent])[-self.samples :]
        if len(features) < 2:
            return
        rank, std = float(effective_rank(features)), float(feature_std(features))
        values = {"collapse/effective_rank": rank, "collapse/feature_std": std}
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step - 1)
        bad = rank < self.min_rank or std < self.min_std
        self._bad_looks = self._bad_looks + 1 if bad else 0
        if self._bad_looks == self.patience:
            rank_zero_warn(
                f"Collapse: in {self.patience} looks in a row the features had an effective rank "
                f"below {self.min_rank} (now {rank:.2f}) or a standard deviation below "
                f"{self.min_std} (now {std:.2e}). Clips are mapped to one point. Raise the "
                "regulariser's weight, lower the learning rate, or raise the teacher's momentum."
            )

    def state_dict(self) -> dict[str, Any]:
        """How long it has been bad, and the features to look at next."""
        return {"bad_looks": self._bad_looks, "recent": list(self._recent)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self._bad_looks = state_dict["bad_looks"]
        self._recent = deque(state_dict["recent"])
