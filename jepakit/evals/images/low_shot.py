"""Few labels: logistic regression on class-balanced draws of the training pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from jepakit.evals.images.label_draws import balanced_folds
from jepakit.evals.probes.linear_probe import STRENGTHS
from jepakit.evals.scores import top_k_hits

MAX_FOLDS = 3
ALONE = 1e-2
"""The strength where a class has a single picture, so that none can be held out to choose by."""


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression on standardised features, float64."""

    weight: Float[Tensor, "d classes"]
    bias: Float[Tensor, " classes"]
    mean: Float[Tensor, " d"]
    scale: Float[Tensor, " d"]

    @torch.no_grad()
    def probabilities(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n classes"]:
        """Probability of every class."""
        rows = (torch.from_numpy(features).to(self.mean) - self.mean) / self.scale
        return (rows @ self.weight + self.bias).softmax(dim=1).cpu().numpy()


@dataclass(frozen=True)
class LowShotFit:
    """A regression on few labels; ``strength`` is the chosen regularisation."""

    model: Logistic
    strength: float
    at_edge: bool


def fit_low_shot(
    features: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    *,
    classes: int,
    rng: np.random.Generator,
    strengths: Sequence[float] = STRENGTHS,
    device: torch.device | str = "cpu",
) -> LowShotFit:
    """Fit on all the pictures given; the strength is chosen by cross-validation among them.

    No other label is looked at. There are 3 folds, or as many as the rarest class has pictures;
    where that is 1 the strength is :data:`ALONE`. Of equal scores the strongest one wins.

    Args:
        features: of the drawn pictures.
        labels: their classes; every class is there.
        classes: number of classes.
        rng: deals pictures into folds.
        strengths: to choose from, see :func:`fit_logistic`.
        device: where the regression is solved.
    """
    falling = sorted(strengths, reverse=True)
    folds = min(MAX_FOLDS, int(np.bincount(labels, minlength=classes).min()))
    if folds < 2:
        (model,) = fit_logistic(features, labels, classes=classes, falling=[ALONE], device=device)
        return LowShotFit(model, ALONE, at_edge=False)
    fold = balanced_folds(labels, folds, rng)
    hits = np.zeros(len(falling))
    for number in range(folds):
        here, there = fold == number, fold != number
        models = fit_logistic(
            features[there], labels[there], classes=classes, falling=falling, device=device
        )
        hits += [
            top_k_hits(labels[here], model.probabilities(features[here]), 1).sum()
            for model in models
        ]
    best = int(hits.argmax())  # the first of equals, which is the strongest
    models = fit_logistic(
        features, labels, classes=classes, falling=falling[: best + 1], device=device
    )
    return LowShotFit(models[-1], falling[best], at_edge=best in (0, len(falling) - 1))


def fit_logistic(
    features: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    *,
    classes: int,
    falling: Sequence[float],
    device: torch.device | str = "cpu",
) -> list[Logistic]:
    """One regression per strength, each started from the one before.

    Minimises ``mean cross-entropy + strength |w|^2 / 2`` by L-BFGS in float64; the bias is free. So
    a strength ``s`` is scikit-learn's ``C = 1 / (s n)``.

    Args:
        features: of the pictures, standardised here by their mean and standard deviation.
        labels: their classes.
        classes: number of classes.
        falling: strengths, the strongest first.
        device: where it is solved.
    """
    known = torch.from_numpy(features).to(device, torch.float64)
    target = torch.from_numpy(labels).to(device)
    mean, scale = known.mean(dim=0), known.std(dim=0, correction=0)
    scale = torch.where(scale > 1e-6 * scale.max(), scale, torch.ones_like(scale))
    rows = (known - mean) / scale
    weight = torch.zeros(rows.shape[1], classes, dtype=torch.float64, device=device)
    bias = torch.zeros(classes, dtype=torch.float64, device=device)
    found = []
    for strength in falling:
        weight, bias = _minimised(rows, target, weight, bias, strength)
        found.append(Logistic(weight, bias, mean, scale))
    return found


def _minimised(
    rows: Float[Tensor, "n d"],
    target: Int[Tensor, " n"],
    weight: Float[Tensor, "d classes"],
    bias: Float[Tensor, " classes"],
    strength: float,
) -> tuple[Tensor, Tensor]:
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    solver = torch.optim.LBFGS(
        [weight, bias],
        max_iter=500,
        history_size=10,
        tolerance_grad=1e-6,
        tolerance_change=1e-10,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        solver.zero_grad()
        fit = F.cross_entropy(rows @ weight + bias, target)
        total = fit + strength / 2 * weight.square().sum()
        total.backward()
        return total

    with torch.enable_grad():
        solver.step(loss)
    return weight.detach(), bias.detach()
