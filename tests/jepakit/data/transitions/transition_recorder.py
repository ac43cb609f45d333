"""A model that remembers every batch of transitions."""

from __future__ import annotations

from typing import Any

import torch
from batch_recording import Recorder

from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest

REQUEST = BatchRequest(frames=4, size=(16, 16), patch=8, tubelet=1)


class TransitionRecorder(Recorder):
    """Keeps whole batches beside what identifies them: keys, actions and the sum of the pixels."""

    def __init__(
        self, actions: ActionSpace, request: BatchRequest = REQUEST, encoder_sha256: str = ""
    ) -> None:
        super().__init__(request)
        self.actions, self.encoder_sha256 = actions, encoder_sha256
        self.batches: list[Any] = []

    def note(self, batch: Any) -> tuple[Any, ...]:
        return list(batch.keys), batch.actions.tolist(), batch.frames.sum().item()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        self.seen.append(self.note(batch))
        self.batches.append(batch)
        return self.weight * batch.actions.mean()
