"""No optimizer step with a loss or gradient that is not finite, on any rank, without a host sync.

How the ranks agree: :func:`poison` turns a bad loss into NaN gradients, DDP's averaging (or FSDP's
norm) spreads a NaN from one rank to all, and so the norm of the averaged gradient is finite on
every rank or on none. There is no extra collective.

How the step is held back: on a CPU the norm is read at once. On a CUDA device the verdict stays on
the device, where fused AdamW reads it (``optimizer.found_inf``) and leaves weights and moments
alone; the host reads it one step later, when it is long there, and then stops the run. All ranks
read the same verdict in the same step, so that none waits for another.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributed.tensor import DTensor


class NonFiniteStepError(RuntimeError):
    """A loss or gradient was NaN or infinite; ``step`` is the optimizer step that was not taken."""

    def __init__(self, step: int, norm: float) -> None:
        """Name the step."""
        self.step = step
        super().__init__(
            f"Step {step}: the loss or a gradient is not finite on some rank (gradient norm "
            f"{norm}). No rank has stepped its optimizer; the last checkpoint is from before."
        )


def poison(loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """The loss itself where it is finite (value and gradient to the last bit), else NaN.

    A loss can be infinite while its gradients are not; multiplied by NaN they are not either.
    """
    good = torch.ones((), dtype=loss.dtype, device=loss.device)
    return loss * torch.where(loss.detach().isfinite(), good, torch.nan)


def gradient_norm(optimizer: torch.optim.Optimizer) -> Float[Tensor, ""]:
    """2-norm of all gradients, the same on every rank, left on the device."""
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


@dataclass(frozen=True)
class _Verdict:
    step: int
    norm: Tensor
    arrived: torch.cuda.Event | None

    def read(self) -> None:
        if self.arrived is not None:
            self.arrived.synchronize()
        norm = float(self.norm)
        if not torch.isfinite(torch.tensor(norm)):
            raise NonFiniteStepError(self.step, norm)


class FiniteGuard:
    """Stops the run at a step whose gradient norm is not finite.

    Attributes:
        lag: steps after which the host reads a verdict. 0 raises before the optimizer steps.
    """

    def __init__(self, lag: int = 0) -> None:
        """Start without open verdicts. A ``lag`` above 0 needs a fused optimizer."""
        self.lag = lag
        self._open: deque[_Verdict] = deque()

    def check(self, norm: Float[Tensor, ""], step: int, optimizer: torch.optim.Optimizer) -> None:
        """Judge a step before the optimizer takes it.

        Raises:
            NonFiniteStepError: this step's norm, or with a lag that of an earlier step, is bad.
        """
        if self.lag:
            # Read by fused AdamW on the device: 1 means "do nothing".
            optimizer.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
        self._open.append(_copied(step, norm))
        while len(self._open) > self.lag:
            self._open.popleft().read()

    def drain(self) -> None:
        """Read every open verdict; called before a checkpoint is written and at the end.

        Raises:
            NonFiniteStepError: one of them is bad.
        """
        while self._open:
            self._open.popleft().read()


def _copied(step: int, norm: Tensor) -> _Verdict:
    """Start the copy to the host and mark where it ends."""
    if norm.device.type != "cuda":
        return _Verdict(step, norm, None)
    host = torch.empty((), dtype=norm.dtype, pin_memory=True)
    host.copy_(norm, non_blocking=True)
    event = torch.cuda.Event()
    event.record()
    return _Verdict(step, host, event)
