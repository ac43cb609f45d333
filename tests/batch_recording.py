"""Models that remember every batch instead of learning, and what trains them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning as L
import torch
from two_ranks import run_two_ranks

from jepakit.batch import BatchRequest
from jepakit.masks import MultiblockMasker

REQUEST = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2)


class Recorder(L.LightningModule):
    """Trains one number and remembers what identifies every batch: keys, pixels and masks.

    Args:
        request: clips that it takes.
        masker: of the masks that it takes; multi-block masks by default.
    """

    def __init__(self, request: BatchRequest = REQUEST, masker: Any = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.request = request
        self.masker = MultiblockMasker() if masker is None else masker
        self.seen: list[tuple[Any, ...]] = []
        self.validated: list[tuple[Any, ...]] = []

    def note(self, batch: Any) -> tuple[Any, ...]:
        pixels = batch.frames.int().sum(dim=(1, 2, 3, 4)).tolist()
        return list(batch.keys), pixels, batch.masks.target.index.tolist()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        self.seen.append(self.note(batch))
        return self.weight * batch.frames.float().mean()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.validated.append(self.note(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def keys_of(batches: list[tuple[Any, ...]]) -> list[str]:
    """Of the samples of recorded batches, in order."""
    return [key for batch in batches for key in batch[0]]


def fit(
    root: Path,
    data: L.LightningDataModule,
    steps: int,
    *,
    module: Recorder | None = None,
    checkpoint: Path | None = None,
    **options: Any,
) -> tuple[Any, L.Trainer]:
    """Train on the CPU, from a checkpoint if one is given; the module and its trainer."""
    module = module or Recorder()
    trainer = L.Trainer(
        accelerator="cpu",
        max_steps=steps,
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=root,
        num_sanity_val_steps=0,
        **options,
    )
    trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    return module, trainer


TWO_RANKS = """
import json, sys
from batch_recording import *
{imports}
module, trainer = fit(
    ".", {data}, {steps}, module={module}, strategy="ddp", devices=2, use_distributed_sampler=False,
    val_check_interval={steps}, check_val_every_n_epoch=None,
)
trainer.save_checkpoint("two.ckpt")
with open(f"rank{{trainer.global_rank}}.json", "w") as file:
    json.dump({{"seen": module.seen, "validated": module.validated}}, file)
"""


def seen_by_two_ranks(
    folder: Path, path: str, *, imports: str, data: str, module: str, steps: int
) -> list[dict[str, Any]]:
    """What each of two processes has seen; they leave ``two.ckpt`` in ``folder``.

    Args:
        folder: where they run.
        path: of the data set, ``sys.argv[1]`` in the sources.
        imports: source of further imports.
        data: source of the data module.
        module: source of the recorder.
        steps: of the training.
    """
    program = TWO_RANKS.format(imports=imports, data=data, module=module, steps=steps)
    run_two_ranks(program, folder, path)
    return [json.loads((folder / f"rank{rank}.json").read_bytes()) for rank in (0, 1)]
