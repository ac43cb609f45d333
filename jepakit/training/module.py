"""The base of every model family's LightningModule: one optimizer step, done right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.plugins.precision import MixedPrecision
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from jepakit.batch import BatchRequest
from jepakit.protocols import AnyMasker
from jepakit.seeds import derive_seed
from jepakit.training.ema import Ema
from jepakit.training.finite_guard import FiniteGuard, gradient_norm, poison
from jepakit.training.optimization import Optimization
from jepakit.training.position import reposition
from jepakit.training.sharding import shard


@runtime_checkable
class Losses(Protocol):
    """What :meth:`JepaModule.loss` returns: a small dataclass of the family."""

    @property
    def total(self) -> Tensor:
        """The scalar to minimise, a mean over the samples of the batch."""

    @property
    def pooled(self) -> Tensor:
        """One vector per sample ``(b, d)``, for the collapse monitor and the online probe."""

    def log(self) -> dict[str, Tensor]:
        """Scalars to log by name, on the device; nothing here may wait for it."""


@runtime_checkable
class Batched(Protocol):
    """A data module that states how many samples a rank's micro-batch has."""

    batch_size: int


@dataclass(frozen=True)
class BatchRecord:
    """What was trained on, kept until its step is known to be good.

    Attributes:
        step: optimizer step, counted from 0.
        batch_idx: number of the micro-batch.
        keys: names of its samples.
        losses: its logged losses.
    """

    step: int
    batch_idx: int
    keys: tuple[str, ...]
    losses: dict[str, Tensor]


class JepaModule(LightningModule, ABC):
    """Adds to a model: AdamW, schedules, moving average, clipping, finite guard, exact resume.

    A family subclasses it once and gives the six members below. In a step: torch's generators are
    seeded from (``step_seed``, step, micro-batch, rank), so that a resumed run draws what an
    uninterrupted one would; :meth:`loss` runs; gradients are averaged, measured and clipped; AdamW
    steps unless something is not finite; the teachers follow, once per optimizer step.

    Schedules are applied from ``global_step``: there are no scheduler objects to save.

    Attributes:
        step_seed: seed of the random numbers drawn inside training steps; the program sets it.
    """

    step_seed: int = 0

    def __init__(self, optimization: Optimization) -> None:
        """Keep the recipe; the optimizer is built when the parameters are on their device."""
        super().__init__()
        self.optimization = optimization
        self.recent: deque[BatchRecord] = deque(maxlen=1)
        self._guard = FiniteGuard()

    # -- what a family gives ---------------------------------------------------------------------

    @property
    @abstractmethod
    def request(self) -> BatchRequest:
        """What the data module must decode."""

    @property
    @abstractmethod
    def masker(self) -> AnyMasker | None:
        """What the data module hides, or nothing."""

    @abstractmethod
    def loss(self, batch: Any) -> Losses:
        """Losses of a batch of the family's kind that is on the device."""

    @abstractmethod
    def ema_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """``(student, teacher)`` modules; empty where there is no teacher."""

    @abstractmethod
    def flops(self, batch: Any) -> float:
        """Model FLOPs of one training step on this batch, from lengths on the host."""

    # -- a training step, in the order of execution ----------------------------------------------

    def configure_model(self) -> None:
        """Split the parameters over the ranks where the strategy is ``ModelParallelStrategy``."""
        if self.device_mesh is not None:
            shard(self, self.device_mesh["data_parallel"])

    def setup(self, stage: str) -> None:
        """Freeze the teachers before DDP looks for parameters whose gradients it must reduce.

        Raises:
            ValueError: the schedules do not fit the run.
        """
        for _, teacher in self.ema_pairs():
            teacher.requires_grad_(requires_grad=False)
        if stage == "fit":
            self.optimization.lr_at(0, self.total_steps, self._global_batch())

    def configure_optimizers(self) -> Optimizer:
        """AdamW, fused where that is possible."""
        device = self.trainer.strategy.root_device.type
        fused = device in ("cpu", "cuda") and self._scaler() is None
        sharded = any(isinstance(parameter, DTensor) for parameter in self.parameters())
        self._guard = FiniteGuard(lag=1 if device == "cuda" and fused and not sharded else 0)
        micro_batches = self.trainer.accumulate_grad_batches
        self.recent = deque(maxlen=micro_batches * (self._guard.lag + 1))
        self._ema = Ema(self.ema_pairs())
        self._ema.train()  # until on_train_start: Lightning warns of modules that come in eval mode
        return self.optimization.optimizer(self, fused=fused)

    def on_train_start(self) -> None:
        """Let the teachers follow, in evaluation mode, in which Lightning's validation leaves them.

        They move in the optimizer's post-step hook, which runs if and only if it stepped: not
        between accumulated micro-batches, and not when a gradient scaler skips. It is set here and
        not with the optimizer, since torch restores a sharded optimizer's state by an empty step.
        """
        self._ema.train(mode=False)
        (optimizer,) = self.trainer.optimizers
        optimizer.register_step_post_hook(lambda *_: self._move_teachers())

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Seed the step."""
        self._seed("train", batch_idx % self.trainer.accumulate_grad_batches)

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        """Loss of one micro-batch. Lightning averages over ``accumulate_grad_batches``."""
        losses = self.loss(batch)
        scalars = _scalars(losses)
        self.recent.append(BatchRecord(self.global_step, batch_idx, batch.keys, scalars))
        if self.logs_now:
            self._log("train", scalars)
        return {"loss": poison(losses.total), "pooled": losses.pooled.detach()}

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Set this step's learning rate and weight decay."""
        step, total = self.global_step, self.total_steps
        lr = self.optimization.lr_at(step, total, self._global_batch())
        weight_decay = self.optimization.weight_decay_at(step, total)
        for group in optimizer.param_groups:
            group["lr"] = lr
            group["weight_decay"] = weight_decay if group["decay"] else 0.0

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Measure the gradient once, for the guard, the clip (by norm) and the log.

        Lightning's own clipping refuses fused AdamW in mixed precision.

        Raises:
            NonFiniteStepError: see :class:`FiniteGuard`.
            ValueError: clipping by value was asked for.
        """
        if gradient_clip_algorithm not in (None, "norm"):
            raise ValueError("Gradients are clipped by norm; gradient_clip_algorithm has no other.")
        norm = gradient_norm(optimizer)
        if not self._scaler_will_skip():
            self._guard.check(norm, self.global_step, optimizer)
        if gradient_clip_val:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            torch.nn.utils.clip_grads_with_norm_(parameters, gradient_clip_val, norm)
        if self.logs_now:
            values = {"lr": optimizer.param_groups[0]["lr"], "tau": self._tau(), "grad_norm": norm}
            self._log("optim", values)

    def _move_teachers(self) -> None:
        self._ema.update(self._tau())

    def on_train_end(self) -> None:
        """Let no bad step hide behind the end of the run."""
        self._guard.drain()

    # -- validation ------------------------------------------------------------------------------

    def on_validation_batch_start(
        self,
        batch: Any,  # noqa: ARG002
        batch_idx: int,
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Seed the batch, the same in every validation."""
        self._seed("val", batch_idx)

    def validation_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Losses of held-out clips, averaged over samples and ranks."""
        losses = self.loss(batch)
        values = {f"val/{name}": value for name, value in _scalars(losses).items()}
        self.log_dict(values, on_epoch=True, batch_size=len(batch), sync_dist=True)
        return {"loss": losses.total.detach(), "pooled": losses.pooled.detach()}

    # -- checkpoints -----------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:  # noqa: ARG002
        """Write nothing before every step so far is known to be good."""
        self._guard.drain()

    @property
    def needs_weights(self) -> str:
        """Why training from nothing would be in vain; empty where it is not."""
        return ""

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Start with the weights of a run, by default one of the same kind of model.

        Raises:
            RuntimeError: they are not those of such a model.
        """
        self.load_state_dict(weights)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue at the start of the next optimizer step, whenever the checkpoint was written."""
        reposition(checkpoint, self.trainer.accumulate_grad_batches)

    # -- details ---------------------------------------------------------------------------------

    @property
    def total_steps(self) -> int:
        """Optimizer steps that the schedules span.

        Raises:
            ValueError: neither ``max_steps`` nor ``total_steps`` is set.
        """
        total = self.optimization.total_steps or self.trainer.max_steps
        if total < 1:
            raise ValueError("Schedules need an end: set trainer.max_steps.")
        return total

    @property
    def logs_now(self) -> bool:
        """Whether this optimizer step is one that Lightning logs."""
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return (self.global_step + 1) % every == 0

    def _log(self, group: str, values: dict[str, Any]) -> None:
        named = {f"{group}/{name}": value for name, value in values.items()}
        self.log_dict(named, on_step=True, on_epoch=False, sync_dist=group == "train")

    def _tau(self) -> float:
        return self.optimization.ema_at(self.global_step, self.total_steps)

    def _seed(self, stage: str, number: int) -> None:
        step = self.global_step if stage == "train" else 0
        torch.manual_seed(derive_seed(self.step_seed, stage, step, number, self.global_rank))

    def _global_batch(self) -> int | None:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, Batched):
            return None
        return data.batch_size * self.trainer.world_size * self.trainer.accumulate_grad_batches

    def _scaler(self) -> torch.amp.GradScaler | None:
        plugin = self.trainer.precision_plugin
        return plugin.scaler if isinstance(plugin, MixedPrecision) else None

    def _scaler_will_skip(self) -> bool:
        """Whether a bad gradient is still the business of the fp16 scaler, which lowers its scale.

        A loss that is truly NaN drives the scale below 1 within 17 steps; then the guard speaks.
        """
        scaler = self._scaler()
        return scaler is not None and scaler.get_scale() >= 1.0


def _scalars(losses: Losses) -> dict[str, Tensor]:
    """The total and its parts by name, without graph."""
    named = {"loss": losses.total, **losses.log()}
    return {name: value.detach() for name, value in named.items()}
