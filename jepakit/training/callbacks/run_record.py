"""What belongs to a run besides its weights: data fingerprint, versions, a clean metrics file."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer

from jepakit.training.metrics_file import MetricsFile


@runtime_checkable
class Fingerprinted(Protocol):
    """A data module that can tell its data set from another."""

    @property
    def fingerprint(self) -> str:
        """Digest of the training set's manifest, known after ``setup``."""


class RunRecord(Callback):
    """Refuses to resume on other data, and lets the metrics continue where the weights do."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:  # noqa: ARG002
        """Note the data; the data module was set up before."""
        data = trainer.datamodule
        self._fingerprint = data.fingerprint if isinstance(data, Fingerprinted) else None

    def state_dict(self) -> dict[str, Any]:
        """Into the checkpoint."""
        return {"fingerprint": self._fingerprint}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Compare.

        Raises:
            ValueError: the checkpoint was trained on other data.
        """
        before = state_dict["fingerprint"]
        if before != self._fingerprint:
            raise ValueError(
                f"This run was trained on the data set with fingerprint {before}, the one given now "
                f"has {self._fingerprint}. Resume with the same data, or start a run of another name."
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Forget values logged after the checkpoint."""
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.rewind(trainer.global_step)
