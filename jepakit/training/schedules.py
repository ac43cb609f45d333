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


def trapezoid(
    step: int, *, start: float, peak: float, end: float, warmup: int, cooldown: int, total: int
) -> float:
    """Linear from ``start`` to ``peak``, constant, then a line to ``end`` over ``cooldown`` steps.

    Counted as :func:`warmup_cosine` does: step ``total - 1`` is the first at ``end``. With
    ``cooldown = total - warmup`` nothing is constant; ``warmup = 0, cooldown = total`` is a plain
    line; ``end = peak`` stays constant after the warm-up.

    V-JEPA 2 trains with the last of these and cools down on the plain line; V-JEPA 2-AC uses all
    three parts. Their code counts on past ``total``, where its lines fall below ``end`` (and below
    0) and its cosines turn back.

    Raises:
        ValueError: warm-up and cool-down do not fit into the whole.
    """
    if min(warmup, cooldown) < 0 or warmup + cooldown > total or warmup >= total:
        raise ValueError(
            f"warmup_steps ({warmup}) must be below the {total} steps of the run, and leave room "
            f"for the {cooldown} steps of the cool-down."
        )
    if step < warmup:
        return start + (peak - start) * (step + 1) / warmup
    return ramp(step + 1, start=peak, end=end, begin=total - cooldown, until=total)


def linear_scaling(lr: float, *, batch: int, reference: int) -> float:
    """``lr * batch / reference``: the rate for a global batch, stated for a reference batch.

    ``batch`` is samples per optimizer step over all ranks and accumulated micro-batches. Source:
    Goyal et al., "Accurate, large minibatch SGD"; it holds for SGD and is only a habit for Adam.
    """
    return lr * batch / reference


def ramp(step: int, *, start: float, end: float, begin: int, until: int) -> float:
    """``start`` up to step ``begin``, a straight line, and ``end`` from step ``until`` on.

    With ``begin == until`` it is ``end`` from there on. Source: the weight of V-JEPA 2.1's loss on
    visible tokens.
    """
    if step >= until:
        return end
    if step <= begin:
        return start
    return start + (end - start) * (step - begin) / (until - begin)
