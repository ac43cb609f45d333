"""What was being trained on when a run failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from jepakit.training.finite_guard import NonFiniteStepError
from jepakit.training.module import BatchRecord, JepaModule


class FailureReport(Callback):
    """Writes the keys and losses of the bad step to ``failures/step-STEP-rank-RANK.json``.

    Every rank writes its own file: the sample at fault is on one of them, and its losses show
    which (``NaN`` or ``Infinity``).
    """

    def __init__(self, folder: Path) -> None:
        """Keep the folder, made when something fails."""
        self.folder = folder

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Write the report."""
        if not isinstance(exception, NonFiniteStepError) or not isinstance(pl_module, JepaModule):
            return
        records = [r for r in pl_module.recent if r.step == exception.step]
        report = {
            "step": exception.step,
            "rank": trainer.global_rank,
            "error": str(exception),
            "precision": str(trainer.precision),
            "batches": [_plain(record) for record in records],
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"step-{exception.step:08d}-rank-{trainer.global_rank}.json"
        file.write_text(json.dumps(report, indent=2))
        rank_zero_warn(f"The batch keys and losses of step {exception.step} are in {file}.")


def _plain(record: BatchRecord) -> dict[str, Any]:
    losses = {name: float(value) for name, value in record.losses.items()}
    return {"batch_idx": record.batch_idx, "losses": losses, "keys": list(record.keys)}
