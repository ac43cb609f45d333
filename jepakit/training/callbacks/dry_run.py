"""One step to see whether a configuration holds, and how big it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from rich.console import Console
from rich.table import Table
from torch import Tensor

from jepakit.training.module import JepaModule

ONE_STEP = {
    "max_epochs": 1,
    "limit_train_batches": 1,
    "limit_val_batches": 1,
    "val_check_interval": 1.0,
    "check_val_every_n_epoch": 1,
    "logger": False,
}
"""Trainer options. Lightning's ``fast_dev_run`` would also cut ``max_steps``, and with it schedules
that then end before their warm-up does."""


class DryRun(Callback):
    """Prints parameters, tensors of the batch, FLOPs and the loss of the step."""

    @rank_zero_only
    def on_train_batch_end(
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Print."""
        assert isinstance(pl_module, JepaModule)
        table = Table("what", "value", title="Dry run: one step, nothing written")
        for name, child in pl_module.named_children():
            trained = sum(p.numel() for p in child.parameters() if p.requires_grad)
            frozen = sum(p.numel() for p in child.parameters() if not p.requires_grad)
            if trained or frozen:
                table.add_row(f"{name} parameters", f"{trained:,} trained, {frozen:,} frozen")
        for name, tensor in _tensors("batch", batch):
            table.add_row(name, f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}")
        table.add_row("model FLOPs of the step", f"{pl_module.flops(batch):.3e}")
        table.add_row("loss", f"{float(outputs['loss']):.4f}")
        for name, value in pl_module.recent[-1].losses.items():
            table.add_row(f"  {name}", f"{float(value):.4f}")
        Console().print(table)


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """Tensors inside nested dataclasses and dicts, by dotted name."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(f"{name}.{key}", item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _tensors(f"{name}.{field.name}", getattr(value, field.name))
