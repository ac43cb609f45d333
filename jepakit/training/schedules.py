"""Schedules as pure functions of the optimizer step: nothing to save, nothing to restore.

``step`` counts finished optimizer steps, 0 in the first one. Micro-batches that only accumulate
gradients do not count. Beyond ``total`` every schedule stays at its end value.
"""

from __future__ import annotations

import math


def cosine(step: int, *, start: float, end: float, total: int) -> float:
    """Half a cosine: ``end - (end - start) (1 + cos(pi step / total)) / 2``.

    ``start == end`` gives a constant. With ``start=0.996, end=1`` this is the momentum of BYOL's
    teacher, also used by I-JEPA (there: linear) and Causal-JEPA.
    """
    share = min(step / total, 1.0)
    return end - (end - start) * (1 + math.cos(math.pi * share)) / 2


def warmup_cosine(
    step: int, *, start: float, peak: float, end: float, warmup: int, total: int
) -> float:
    """Linear from ``start`` to ``peak`` over ``warmup`` steps, then half a cosine to ``end``.

    The first step already uses ``start + (peak - start) / warmup``, so that no step is lost at a
    rate of 0. Step ``warmup - 1`` is the first at ``peak``, ``total - 1`` the first at ``end``.

    Raises:
        ValueError: the warm-up is not shorter than the whole.
    """
    if not 0 <= warmup < total:
        raise ValueError(f"warmup_steps ({warmup}) must be below the {total} steps of the run.")
    if step < warmup:
        return start + (peak - start) * (step + 1) / warmup
    return cosine(step + 1 - warmup, start=peak, end=end, total=total - warmup)


def linear_scaling(lr: float, *, batch: int, reference: int) -> float:
    """``lr * batch / reference``: the rate for a global batch, stated for a reference batch.

    ``batch`` is samples per optimizer step over all ranks and accumulated micro-batches. Source:
    Goyal et al., "Accurate, large minibatch SGD"; it holds for SGD and is only a habit for Adam.
    """
    return lr * batch / reference
