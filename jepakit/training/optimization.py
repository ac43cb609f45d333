"""How a module is optimised: AdamW, its schedules, and the teacher's momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn

from jepakit.training.parameter_groups import parameter_groups
from jepakit.training.schedules import cosine, linear_scaling, trapezoid, warmup_cosine

Schedule = Literal["cosine", "constant", "linear", "trapezoid"]


@dataclass(frozen=True)
class Optimization:
    """AdamW with warm-up and a schedule, all values per optimizer step.

    V-JEPA 2 is trained with ``constant`` and cooled down with ``linear`` and no warm-up. As
    released, ``total_steps`` is 1.25 times the steps that are run (``ipe_scale``), so that the
    cool-down stops with a fifth of the way to ``final_lr`` left.

    Args:
        lr: learning rate at the end of the warm-up.
        start_lr: learning rate before the warm-up.
        final_lr: learning rate of the last step; not used by ``constant``.
        schedule: what follows the warm-up: half a ``cosine`` or a ``linear`` decay to ``final_lr``,
            ``constant``, or ``trapezoid``, constant until the last ``cooldown_steps``, which are
            linear.
        warmup_steps: steps of linear warm-up.
        cooldown_steps: steps of linear decay at the end; of ``trapezoid`` only.
        total_steps: length of all schedules; ``trainer.max_steps`` by default. The run may be
            shorter or longer: beyond the end every value stays what it is there.
        weight_decay: decoupled weight decay; norms, biases, positions and tokens are spared.
        final_weight_decay: weight decay of the last step, reached on a cosine; constant by default.
        betas: decay of AdamW's first and second moment.
        eps: AdamW's epsilon.
        ema: momentum tau of the teacher in the first step.
        final_ema: tau at the end, reached on a cosine; equal to ``ema`` for a constant.
        reference_batch: if given, the three learning rates are meant for this global batch and are
            multiplied by ``global batch / reference_batch`` (linear scaling).
    """

    lr: float = 1e-3
    start_lr: float = 0.0
    final_lr: float = 1e-6
    schedule: Schedule = "cosine"
    warmup_steps: int = 1000
    cooldown_steps: int | None = None
    total_steps: int | None = None
    weight_decay: float = 0.05
    final_weight_decay: float | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    ema: float = 0.996
    final_ema: float = 1.0
    reference_batch: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no run can mean."""
        for name in ("ema", "final_ema"):
            tau = getattr(self, name)
            if not 0 <= tau <= 1:
                raise ValueError(f"{name} is a momentum between 0 and 1, not {tau}.")
        for name in ("lr", "start_lr", "final_lr", "weight_decay", "warmup_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, it is {getattr(self, name)}.")
        for name in ("total_steps", "cooldown_steps", "reference_batch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, it is {value}.")
        if self.schedule not in get_args(Schedule):
            raise ValueError(f"schedule is one of {get_args(Schedule)}, not {self.schedule!r}.")
        if (self.schedule == "trapezoid") != (self.cooldown_steps is not None):
            raise ValueError(
                f"cooldown_steps is {self.cooldown_steps} and schedule {self.schedule!r}: "
                "'trapezoid' needs it, and no other schedule has it."
            )

    def lr_at(self, step: int, total: int, batch: int | None = None) -> float:
        """Learning rate of a step, scaled to the global ``batch`` if a reference is set.

        Raises:
            ValueError: a reference batch is set and ``batch`` is not known, or warm-up and
                cool-down are too long.
        """
        rate = self._rate_at(step, total)
        if self.reference_batch is None:
            return rate
        if batch is None:
            raise ValueError(
                "reference_batch scales the learning rate with the global batch, but the data "
                "module states no batch_size; leave reference_batch out."
            )
        return linear_scaling(rate, batch=batch, reference=self.reference_batch)

    def _rate_at(self, step: int, total: int) -> float:
        start, peak, end, warmup = self.start_lr, self.lr, self.final_lr, self.warmup_steps
        if self.schedule == "cosine":
            return warmup_cosine(step, start=start, peak=peak, end=end, warmup=warmup, total=total)
        cooldown = self.cooldown_steps or 0
        if self.schedule == "linear":
            cooldown = max(total - warmup, 0)
        if self.schedule == "constant":
            end = peak
        return trapezoid(
            step, start=start, peak=peak, end=end, warmup=warmup, cooldown=cooldown, total=total
        )

    def weight_decay_at(self, step: int, total: int) -> float:
        """Weight decay of a step, ``weight_decay`` in the first; V-JEPA 2's is one step ahead."""
        end = self.weight_decay if self.final_weight_decay is None else self.final_weight_decay
        return cosine(step, start=self.weight_decay, end=end, total=total)

    def ema_at(self, step: int, total: int) -> float:
        """Momentum of the teacher after a step."""
        return cosine(step, start=self.ema, end=self.final_ema, total=total)

    def optimizer(self, module: nn.Module, *, fused: bool) -> torch.optim.AdamW:
        """AdamW over the trainable parameters. ``fused`` is 3.5x the default's speed on a CPU."""
        groups = parameter_groups(module, weight_decay=self.weight_decay)
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, eps=self.eps, fused=fused)
