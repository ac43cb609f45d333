"""A model that remembers every batch, and what trains it."""

from __future__ import annotations

import lightning as L
import torch

from jepakit.batch import BatchRequest

REQUEST = BatchRequest(frames=4, size=(16, 16), patch=8, tubelet=1)


class TransitionRecorder(L.LightningModule):
    def __init__(self, actions, request=REQUEST, encoder_sha256=""):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.actions, self.request, self.encoder_sha256 = actions, request, encoder_sha256
        self.seen, self.validated, self.batches = [], [], []

    def training_step(self, batch, batch_idx):
        self.seen.append((batch.keys, batch.actions.tolist(), batch.frames.sum().item()))
        self.batches.append(batch)
        return self.weight * batch.actions.mean()

    def validation_step(self, batch, batch_idx):
        self.validated.append((batch.keys, batch.actions.tolist()))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(root, data, module, steps, *, checkpoint=None, **options):
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
