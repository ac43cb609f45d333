"""What a run folder says besides its weights: options, versions, data."""

from __future__ import annotations

import json
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from jepakit.training.metrics_file import MetricsFile
from jepakit.training.versions import versions


class RunRecord(Callback):
    """Writes ``config.yaml`` and ``run.json``, and lets the metrics continue where the weights do.

    ``run.json`` has the versions of every start of the run and the data module's state, with the
    fingerprint of the data set. The same state is in the checkpoint, where the data module checks
    that a run is not resumed on other data.
    """

    def __init__(self, path: Path, *, config: str) -> None:
        """Keep the path of ``run.json`` and the text of ``config.yaml``, which lies beside it."""
        self.path = path
        self.config = config

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:  # noqa: ARG002
        """Write the configuration before anything can fail."""
        if trainer.is_global_zero:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.with_name("config.yaml").write_text(self.config)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Add this start, and forget values logged after the checkpoint."""
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.rewind(trainer.global_step)
        if trainer.is_global_zero:
            starts = json.loads(self.path.read_text())["starts"] if self.path.exists() else []
            data = trainer.datamodule.state_dict()  # type: ignore[attr-defined]
            start = {"step": trainer.global_step, "ranks": trainer.world_size, "data": data}
            record = {"starts": [*starts, start | {"versions": versions()}]}
            self.path.write_text(json.dumps(record, indent=2))
