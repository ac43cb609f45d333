"""A linear stand-in for an unpublished predictor: ridge from late tokens to final ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.losses.averaging import at_least_float32

Alpha = float | Literal["trace", "choose"]
Groups = Sequence[int] | Sequence[str] | np.ndarray

TRACE_SHARE = 1e-3
CHOICES = tuple(10.0**power for power in range(-6, 2))  # shares of the trace that are tried


@dataclass(frozen=True)
class RidgeProxy:
    r"""An affine map fitted by ridge regression, the intercept unpenalised.

    .. math:: \min_{W, c} \|X W + 1 c^T - Y\|^2 + \alpha \|W\|^2

    Late semantic repair, section 3.6, maps tokens after block 31 to those after block 32 of clean
    runs. Its penalty is not printed. The residual stream makes the task easy: show
    :meth:`identity`, which copies the input, beside every fit.

    Attributes:
        weights: W.
        intercept: c.
        alpha: the penalty; 0 for the identity.
        held_out: with ``alpha="choose"``, mean squared error per number left out, by penalty.
    """

    weights: Float[Tensor, "d e"]
    intercept: Float[Tensor, " e"]
    alpha: float
    held_out: dict[float, float] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        x: Float[Tensor, "m d"],
        y: Float[Tensor, "n e"],
        *,
        alpha: Alpha = "trace",
        groups: Groups | None = None,
    ) -> RidgeProxy:
        r"""Fit in float64 by the normal equations of the centred tokens.

        ``trace``: :math:`10^{-3} \mathrm{tr}(X^T X) / d`. ``choose``: the one of 1e-6 to 10 times
        :math:`\mathrm{tr}(X^T X) / d` with the least error on groups left out one at a time. ``X``
        is centred here too, as the intercept takes the mean.

        Args:
            x: clean tokens of other images than those that the proxy is used on.
            y: their targets.
            alpha: the penalty, or how it is found.
            groups: image of every token, for ``choose``.

        Raises:
            ValueError: sizes differ, fewer than 2 tokens, a value is not finite, tokens that do not
                vary, a penalty that is not positive, or ``choose`` without at least 2 groups.
        """
        _check(x, y, alpha)
        centred, target = (v.double() - v.double().mean(dim=0) for v in (x, y))
        spread, axes = torch.linalg.eigh(centred.T @ centred)
        scale = float(spread.sum()) / x.shape[1]
        if not scale > 0:
            raise ValueError("Tokens that do not vary cannot be regressed on.")
        held_out: dict[float, float] = {}
        if alpha == "choose":
            turned = centred @ axes
            held_out = _left_out(turned, target, spread, _members(groups, len(x)), scale)
            penalty = min(held_out, key=held_out.__getitem__)
        else:
            penalty = TRACE_SHARE * scale if alpha == "trace" else float(alpha)
        projected = axes.T @ (centred.T @ target)
        weights = axes @ (projected / (spread.clamp_min(0) + penalty)[:, None])
        intercept = y.double().mean(dim=0) - x.double().mean(dim=0) @ weights
        return cls(weights, intercept, penalty, held_out)

    @classmethod
    def identity(cls, width: int) -> RidgeProxy:
        """The baseline that copies its input."""
        eye = torch.eye(width, dtype=torch.float64)
        return cls(eye, torch.zeros(width, dtype=torch.float64), 0.0)

    def predict(self, x: Float[Tensor, "*lead d"]) -> Float[Tensor, "*lead e"]:
        """``x W + c``, computed in float64; in the dtype of ``x`` and at least float32.

        Raises:
            ValueError: another width than that of the fit.
        """
        if x.shape[-1] != len(self.weights):
            raise ValueError(
                f"The proxy maps tokens of width {len(self.weights)}, got {x.shape[-1]}."
            )
        weights, intercept = self.weights.to(x.device), self.intercept.to(x.device)
        return (x.double() @ weights + intercept).to(at_least_float32(x).dtype)


def _check(x: Tensor, y: Tensor, alpha: Alpha) -> None:
    if len(x) != len(y) or len(x) < 2:
        raise ValueError(
            f"A regression needs the same tokens on both sides, at least 2, got {len(x)} and "
            f"{len(y)}."
        )
    if not bool(torch.isfinite(x).all() and torch.isfinite(y).all()):
        raise ValueError("A regression needs finite tokens; some are NaN or infinite.")
    named = alpha in ("trace", "choose")
    if not named and (isinstance(alpha, str) or not 0 < alpha < float("inf")):
        raise ValueError(
            f"alpha must be 'trace', 'choose' or a positive finite number, got {alpha!r}."
        )


def _members(groups: Groups | None, tokens: int) -> list[list[int]]:
    """Token numbers of every group."""
    names: list[object] = [] if groups is None else [*groups]
    members: dict[object, list[int]] = {}
    for token, name in enumerate(names):
        members.setdefault(name, []).append(token)
    if len(names) != tokens or len(members) < 2:
        raise ValueError(
            f"Choosing a penalty needs the group of each of the {tokens} tokens, and at least 2 "
            f"groups, got {len(names)} tokens in {len(members)} groups."
        )
    return list(members.values())


def _left_out(
    turned: Float[Tensor, "m d"],
    target: Float[Tensor, "m e"],
    spread: Float[Tensor, " d"],
    members: list[list[int]],
    scale: float,
) -> dict[float, float]:
    r"""Mean squared error on groups left out, by penalty, without fitting once per group.

    With the hat matrix :math:`H = 1 1^T / m + X (X^T X + \alpha I)^{-1} X^T` of the whole fit, the
    residuals of a group that was left out are :math:`(I - H_{gg})^{-1} (y_g - \hat y_g)`, exactly:
    the block form of the PRESS identity (Cook and Weisberg 1982, section 2.2).

    Args:
        turned: centred tokens along the eigenvectors of their Gram matrix.
        target: centred.
        spread: its eigenvalues.
        members: token numbers of every group.
        scale: unit of the penalties.
    """
    products = turned.T @ target
    errors: dict[float, float] = {}
    for penalty in (share * scale for share in CHOICES):
        shrunk = turned / (spread.clamp_min(0) + penalty)
        total = 0.0
        for rows in members:
            residual = target[rows] - shrunk[rows] @ products
            hat = shrunk[rows] @ turned[rows].T + 1 / len(target)
            eye = torch.eye(len(rows), dtype=hat.dtype, device=hat.device)
            total += float(torch.linalg.solve(eye - hat, residual).square().sum())
        errors[penalty] = total / target.numel()
    return errors
