"""A model and a data stream small enough that a fit takes milliseconds."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from jepakit import seeds
from jepakit.batch import BatchRequest, SceneBatch
from jepakit.protocols import Masker
from jepakit.training import JepaModule, Optimization


@dataclass(frozen=True)
class ToyLosses:
    total: Tensor
    pooled: Tensor
    prediction: Tensor

    def log(self) -> dict[str, Tensor]:
        return {"prediction": self.prediction}


RECIPE = Optimization(lr=1e-2, warmup_steps=2, ema=0.9)


class ToyModule(JepaModule):
    """Predict the teacher's view of a clip from a noisy one."""

    def __init__(
        self,
        width: int = 8,
        *,
        noise: float = 0.1,
        bad_step: int | None = None,
        bad_rank: int = 0,
        optimization: Optimization = RECIPE,
    ) -> None:
        super().__init__(optimization)
        self.noise, self.bad_step, self.bad_rank = noise, bad_step, bad_rank
        self.student = nn.Sequential(nn.Linear(384, 16), nn.LayerNorm(16), nn.Linear(16, width))
        self.teacher = copy.deepcopy(self.student)
        self.predictor = nn.Linear(width, width)

    @property
    def request(self) -> BatchRequest:
        return BatchRequest(frames=2, size=(8, 8), patch=4, tubelet=1)

    @property
    def masker(self) -> Masker | None:
        return None

    def loss(self, batch: SceneBatch) -> ToyLosses:
        x = batch.frames.flatten(1).float() / 255 - 0.5
        noisy = x + self.noise * torch.randn_like(x) if self.noise else x
        with torch.no_grad():
            target = self.teacher(x)
        error = (self.predictor(self.student(noisy)) - target).square().mean()
        if (
            self.training
            and self.global_step == self.bad_step
            and self.global_rank == self.bad_rank
        ):
            error = error + torch.inf
        return ToyLosses(error, target, error.detach())

    def ema_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        return [(self.student, self.teacher)]

    def flops(self, batch: SceneBatch) -> float:
        return 6.0 * len(batch) * (384 * 16 + 16 * 8)


class Clips(Dataset):
    def __init__(self, size: int) -> None:
        self.size = size

    def __getitem__(self, number: int) -> SceneBatch:
        generator = seeds.generator("clip", number % self.size)
        batch = SceneBatch.fake(1, frames=2, size=8, patch=4, tubelet=1, generator=generator)
        bright = (batch.frames.float().mean(dim=(1, 2, 3, 4)) > 127.5).float()
        return replace(batch, keys=(f"clip-{number}",), targets={"bright": bright})


class Stream(Sampler[list[int]]):
    """This rank's batches from a position on, without end."""

    def __init__(self, start: int, batch: int, rank: int, world: int) -> None:
        self.start, self.batch, self.rank, self.world = start, batch, rank, world

    def __iter__(self) -> Iterator[list[int]]:
        first = self.start + self.rank * self.batch
        while True:
            yield list(range(first, first + self.batch))
            first += self.batch * self.world


class ToyData(LightningDataModule):
    def __init__(
        self, size: int = 1000, *, batch_size: int = 4, workers: int = 0, fingerprint: str = "toy"
    ) -> None:
        super().__init__()
        self.size, self.batch_size, self.workers = size, batch_size, workers
        self.fingerprint = fingerprint
        self.position = 0

    def train_dataloader(self) -> DataLoader:
        stream = Stream(
            self.position, self.batch_size, self.trainer.global_rank, self.trainer.world_size
        )
        return DataLoader(
            Clips(self.size), batch_sampler=stream, num_workers=self.workers, collate_fn=collate
        )

    def val_dataloader(self) -> DataLoader:
        rank, world = self.trainer.global_rank, self.trainer.world_size
        numbers = range(10_000 + rank, 10_008, world)
        batches = [list(numbers[:2]), list(numbers[2:4])]
        return DataLoader(Clips(10**9), batch_sampler=batches, collate_fn=collate)

    def transfer_batch_to_device(
        self, batch: SceneBatch, device: torch.device, dataloader_idx: int
    ) -> SceneBatch:
        return batch.to(device, non_blocking=True)

    def state_dict(self) -> dict[str, Any]:
        steps = self.trainer.global_step * self.trainer.accumulate_grad_batches
        return {"samples": steps * self.batch_size * self.trainer.world_size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.position = state["samples"]


def collate(samples: list[SceneBatch]) -> SceneBatch:
    return SceneBatch(
        frames=torch.cat([s.frames for s in samples]),
        coverage=torch.cat([s.coverage for s in samples]),
        keys=tuple(key for s in samples for key in s.keys),
        targets={"bright": torch.cat([s.targets["bright"] for s in samples])},
    )
