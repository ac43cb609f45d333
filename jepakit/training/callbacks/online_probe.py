"""A linear probe that trains along: what the features say about a label, while they form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional as F

from jepakit.distributed import all_reduce_mean, all_reduce_sum, is_distributed

Kind = Literal["binary", "regression"]
Scores = dict[str, Float[Tensor, " 4"]]


class OnlineProbe(Callback):
    """Linear probes on detached pooled features; no gradient reaches the encoder.

    Features are normalised per sample (LayerNorm without weights) and probed by one linear layer
    per label, started at zero, with an AdamW of its own that is saved with the run. Binary labels:
    logistic loss, logged ``accuracy``. Others: squared error of the label, logged ``r2``, the
    explained share of its variance. Undefined labels (NaN) weigh nothing.

    It is a trend to watch, not a result: the encoder moves under the probe, and training clips are
    both fitted and scored (held-out ones are only scored, under ``val``).
    """

    def __init__(
        self, labels: Mapping[str, Kind] | None = None, *, lr: float = 1e-2, every_n_steps: int = 50
    ) -> None:
        """Keep the settings.

        Args:
            labels: names in ``batch.targets`` and their kinds; without any nothing is probed.
            lr: learning rate of the probes.
            every_n_steps: optimizer steps between two logs.
        """
        self.labels: dict[str, Kind] = dict(labels or {})
        self.lr = lr
        self.every_n_steps = every_n_steps
        self._probes: nn.ModuleDict | None = None
        self._restored: dict[str, Any] | None = None
        self._scores: dict[str, Scores] = {"train": {}, "val": {}}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Take one step with each probe."""
        if not self.labels:
            return
        features = self._features(outputs["pooled"])
        with torch.enable_grad():
            self._step(features, self._targets(batch.targets))
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if stepped and trainer.global_step % self.every_n_steps == 0:
            self._log(trainer, pl_module.device, "train")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Forget a validation that was broken off."""
        self._scores["val"] = {}

    def on_validation_batch_end(
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Any,
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Score held-out clips."""
        if self.labels:
            features = self._features(outputs["pooled"])
            for name, target in self._targets(batch.targets).items():
                self._score("val", name, self._probe(name)(features).squeeze(1), target)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log what held-out clips gave."""
        if self.labels and not trainer.sanity_checking:
            self._log(trainer, pl_module.device, "val")

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimizer and unlogged scores of the probes."""
        if self._probes is None:
            return self._restored or {}
        return {
            "probes": self._probes.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scores": self._scores["train"],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep them until the width of the features is known."""
        self._restored = state_dict or None

    def _features(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        features = F.layer_norm(pooled.detach().float(), pooled.shape[1:])
        if self._probes is None:
            self._build(features)
        return features

    def _build(self, features: Tensor) -> None:
        width = features.shape[1]
        self._probes = nn.ModuleDict({name: nn.Linear(width, 1) for name in self.labels})
        for parameter in self._probes.parameters():
            nn.init.zeros_(parameter)
        self._probes.to(features.device)
        self._optimizer = torch.optim.AdamW(self._probes.parameters(), lr=self.lr)
        if self._restored:
            self._probes.load_state_dict(self._restored["probes"])
            self._optimizer.load_state_dict(self._restored["optimizer"])
            scores = self._restored["scores"].items()
            self._scores["train"] = {name: sums.to(features.device) for name, sums in scores}
            self._restored = None

    def _probe(self, name: str) -> nn.Module:
        assert self._probes is not None
        return self._probes[name]

    def _targets(self, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        missing = sorted(self.labels.keys() - targets.keys())
        if missing:
            raise ValueError(
                f"The online probe wants the labels {missing}, the batch has {sorted(targets)}."
            )
        return {name: targets[name].float() for name in self.labels}

    def _step(self, features: Tensor, targets: dict[str, Tensor]) -> None:
        losses = []
        for name, target in targets.items():
            answer = self._probe(name)(features).squeeze(1)
            self._score("train", name, answer.detach(), target)
            binary = self.labels[name] == "binary"
            error = F.binary_cross_entropy_with_logits if binary else F.mse_loss
            defined = target.isfinite()
            each = error(answer, target.nan_to_num(), reduction="none") * defined
            losses.append(each.sum() / defined.sum().clamp(min=1))
        self._optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        if is_distributed():
            for parameter in self._parameters():
                assert parameter.grad is not None
                parameter.grad = all_reduce_mean(parameter.grad)
        self._optimizer.step()

    def _parameters(self) -> Sequence[nn.Parameter]:
        assert self._probes is not None
        return list(self._probes.parameters())

    def _score(self, stage: str, name: str, answer: Tensor, target: Tensor) -> None:
        """Add to the sums of: samples, hits or squared errors, targets, squared targets."""
        defined = target.isfinite()
        known = target.nan_to_num()
        if self.labels[name] == "binary":
            points = ((answer > 0) == (known > 0.5)) & defined
        else:
            points = (answer - known).square() * defined
        columns = (defined, points, known, known.square())
        sums = torch.stack([column.sum(dtype=torch.float64) for column in columns])
        scores = self._scores[stage]
        scores[name] = scores.get(name, torch.zeros_like(sums)) + sums

    def _log(self, trainer: Trainer, device: torch.device, stage: str) -> None:
        values, group = {}, "probe" if stage == "train" else "val/probe"
        for name, kind in self.labels.items():
            none = torch.zeros(4, dtype=torch.float64, device=device)
            sums = self._scores[stage].get(name, none)
            count, points, total, squares = all_reduce_sum(sums).tolist()
            if count and kind == "binary":
                values[f"{group}/{name}/accuracy"] = points / count
            elif squares * count > total**2:
                values[f"{group}/{name}/r2"] = 1 - points / (squares - total**2 / count)
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step - 1)
        self._scores[stage] = {}
