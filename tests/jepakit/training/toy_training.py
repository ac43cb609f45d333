"""A model and a data stream small enough that a fit takes milliseconds."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, Trainer, seed_everything
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from jepakit import seeds
from jepakit.batch import BatchRequest, SceneBatch
from jepakit.protocols import Masker
from jepakit.training import JepaModule, Optimization
from jepakit.training.checkpoint_io import DurableCheckpointIO


@dataclass(frozen=True)
class ToyLosses:
    total: Tensor
    pooled: Tensor
    prediction: Tensor

    def log(self) -> dict[str, Tensor]:
        return {"prediction": self.prediction}


RECIPE = Optimization(lr=1e-2, warmup_steps=2, total_steps=8, ema=0.9)


class ToyModule(JepaModule):
    """Predict the teacher's view of a clip from a noisy one."""

    def __init__(
        self,
        width: int = 8,
        *,
        noise: float = 0.1,
        bad_step: int | None = None,
        bad_rank: int = 0,
        start: int | None = 0,
        optimization: Optimization = RECIPE,
    ) -> None:
        super().__init__(optimization)
        self.noise, self.bad_step, self.bad_rank = noise, bad_step, bad_rank
        with torch.random.fork_rng(devices=[]):
            if start is not None:  # toys start equal, wherever they are built
                torch.manual_seed(start)
            self.student = nn.Sequential(nn.Linear(384, 16), nn.LayerNorm(16), nn.Linear(16, width))
            self.predictor = nn.Linear(width, width)
        self.teacher = copy.deepcopy(self.student)

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


@functools.cache
def clip(number: int) -> SceneBatch:
    generator = seeds.generator("clip", number)
    batch = SceneBatch.fake(1, frames=2, size=8, patch=4, tubelet=1, generator=generator)
    bright = (batch.frames.float().mean(dim=(1, 2, 3, 4)) > 127.5).float()
    return replace(batch, targets={"bright": bright})


class Clips(Dataset):
    def __init__(self, size: int) -> None:
        self.size = size

    def __getitem__(self, number: int) -> SceneBatch:
        return replace(clip(number % self.size), keys=(f"clip-{number}",))


class Stream(Sampler[list[int]]):
    """This rank's batches from a position on, without end."""

    def __init__(self, start: int, batch: int, rank: int, world: int) -> None:
        self.start, self.batch, self.rank, self.world = start, batch, rank, world

    def __iter__(self) -> Iterator[list[int]]:
        first = self.start + self.rank * self.batch
        while True:
            yield list(range(first, first + self.batch))
            first += self.batch * self.world


class Loader:
    """Hides the DataLoader from Lightning, which would comment on its workers."""

    def __init__(self, clips: Clips, batches: Any, workers: int) -> None:
        self.batches = batches
        self.loader = DataLoader(
            clips,
            batch_sampler=batches,
            num_workers=workers,
            collate_fn=collate,
            generator=torch.Generator(),
        )

    def __iter__(self) -> Iterator[SceneBatch]:
        return iter(self.loader)

    def __len__(self) -> int:
        return len(self.batches)  # a stream has none


class ToyData(LightningDataModule):
    def __init__(
        self, size: int = 1000, *, batch_size: int = 4, workers: int = 0, fingerprint: str = "toy"
    ) -> None:
        super().__init__()
        self.size, self.batch_size, self.workers = size, batch_size, workers
        self.fingerprint = fingerprint
        self.position = 0

    def train_dataloader(self) -> Loader:
        trainer = self.trainer
        stream = Stream(self.position, self.batch_size, trainer.global_rank, trainer.world_size)
        return Loader(Clips(self.size), stream, self.workers)

    def val_dataloader(self) -> Loader:
        numbers = list(range(10_000, 10_008))[self.trainer.global_rank :: self.trainer.world_size]
        return Loader(Clips(10**9), [numbers[:2], numbers[2:]], 0)

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


def fit(
    steps: int = 6,
    *,
    model: ToyModule | None = None,
    data: ToyData | None = None,
    checkpoint: Any = None,
    **options: Any,
) -> tuple[ToyModule, Trainer]:
    """Train a toy on the CPU; equal arguments give equal weights."""
    seed_everything(0, verbose=False)
    model = model or ToyModule()
    defaults = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
        "check_val_every_n_epoch": None,
        "val_check_interval": 1000,
        "num_sanity_val_steps": 0,
    }
    options.setdefault("plugins", []).append(DurableCheckpointIO())
    trainer = Trainer(max_steps=steps, **defaults | options)
    trainer.fit(model, datamodule=data or ToyData(), ckpt_path=checkpoint, weights_only=True)
    return model, trainer


def recipe(**options: Any) -> Optimization:
    """Short schedules of 8 steps."""
    return Optimization(**{"lr": 1e-2, "warmup_steps": 2, "total_steps": 8, "ema": 0.9} | options)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def distance(one: nn.Module, other: nn.Module) -> float:
    """Largest absolute difference of two equally built modules."""
    a, b = one.state_dict(), other.state_dict()
    return max(float((a[name] - b[name]).abs().max()) for name in a)
