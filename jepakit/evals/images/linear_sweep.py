"""Linear probes on pooled features: learning rates and weight decays trained side by side.

All probes see the same batches. They are fitted on ``fit``, the one that is best on the held-out
``selection`` is chosen and fitted again on both. No test picture takes part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from jepakit.evals.classification.attentive_probe import Trial, TrialScore
from jepakit.evals.scores import top_k_hits
from jepakit.seeds import generator

LEARNING_RATES = (3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)
WEIGHT_DECAYS = (0.0, 1e-3, 1e-2, 0.1)
EPOCHS = 10
LEAST_STEPS = 500
_CHUNK = 4096  # pictures whose logits are in memory at a time


@dataclass(frozen=True)
class LinearSweep:
    """Which probes are trained, and how long.

    Source: the linear evaluation of DINOv2 (section on ImageNet classification): SGD with momentum
    0.9, 10 epochs, cosine to 0, learning rates scaled by the batch size over 256, a grid of them,
    and one or four levels. Differs: features are pooled once and no picture is augmented; features
    are standardised by the training pictures (as the batch norm without weights of MAE's protocol
    does), weights start at 0, the grid has weight decays too, batches are 256 and small sets get at
    least 500 of them, and the choice is made on training pictures that were held out.

    Attributes:
        lrs: learning rates for 256 pictures per step.
        weight_decays: weight decays; every pair with a learning rate is a probe.
        steps: optimizer steps; None for 10 epochs, and at least 500.
        batch_size: pictures per step, at most as many as there are.
        momentum: of SGD.
        seed: of the order of the pictures.
    """

    lrs: tuple[float, ...] = LEARNING_RATES
    weight_decays: tuple[float, ...] = WEIGHT_DECAYS
    steps: int | None = None
    batch_size: int = 256
    momentum: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no training can mean."""
        if not self.lrs or not self.weight_decays:
            raise ValueError("A sweep needs at least one learning rate and one weight decay.")
        if self.batch_size < 1 or (self.steps is not None and self.steps < 1):
            raise ValueError(
                f"steps and batch_size must be at least 1, got {self.steps} and {self.batch_size}."
            )

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every pair of a learning rate and a weight decay."""
        return tuple(Trial(lr, decay) for lr in self.lrs for decay in self.weight_decays)

    def steps_for(self, pictures: int) -> int:
        """Optimizer steps on so many pictures."""
        batch = min(self.batch_size, pictures)
        return self.steps or max(LEAST_STEPS, math.ceil(EPOCHS * pictures / batch))


@dataclass(frozen=True)
class LinearHeads:
    """Linear classifiers side by side, on features standardised by their training pictures."""

    weight: Float[Tensor, "g d classes"]
    bias: Float[Tensor, "g classes"]
    mean: Float[Tensor, " d"]
    scale: Float[Tensor, " d"]

    def logits(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "g b classes"]:
        """Logits of every classifier."""
        own = ((features - self.mean) / self.scale).expand(len(self.weight), -1, -1)
        return torch.baddbmm(self.bias.unsqueeze(1), own, self.weight)

    @torch.no_grad()
    def probabilities(
        self, features: Float[np.ndarray, "n d"], head: int = 0
    ) -> Float[np.ndarray, "n classes"]:
        """Softmax of one classifier, float64."""
        one = LinearHeads(
            self.weight[head : head + 1], self.bias[head : head + 1], self.mean, self.scale
        )
        parts = torch.from_numpy(features).split(_CHUNK)
        rows = [one.logits(p.to(self.mean))[0].double().softmax(dim=1).cpu() for p in parts]
        return torch.cat(rows).numpy()


@dataclass(frozen=True)
class LinearFit:
    """A chosen linear probe.

    Attributes:
        heads: a single classifier.
        trial: the chosen hyper-parameters.
        at_edge: whether one of them is an end of its grid where a wider one may do better.
        scores: every trial on the selection part.
    """

    heads: LinearHeads
    trial: Trial
    at_edge: bool
    scores: tuple[TrialScore, ...]


def fit_linear(
    features: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    fit: Int[np.ndarray, " f"],
    selection: Int[np.ndarray, " s"],
    *,
    classes: int,
    sweep: LinearSweep,
    device: torch.device | str = "cpu",
    advance: Callable[[], None] | None = None,
) -> LinearFit:
    """Train the sweep on ``fit``, choose on ``selection``, train the chosen one on both.

    Of equal accuracies the smaller loss wins.

    Args:
        features: of the training pictures.
        labels: their classes.
        fit: rows to train on.
        selection: rows to choose by.
        classes: number of classes.
        sweep: the trials.
        device: where the classifiers live.
        advance: called after every optimizer step.

    Raises:
        ValueError: every trial diverged.
    """

    def train(rows: np.ndarray, trials: tuple[Trial, ...]) -> LinearHeads:
        return train_heads(
            features, labels, rows, trials, classes=classes, sweep=sweep, device=device,
            advance=advance,
        )  # fmt: skip

    heads = train(fit, sweep.trials)
    scores = [
        _scored(trial, heads.probabilities(features[selection], number), labels[selection])
        for number, trial in enumerate(sweep.trials)
    ]
    best = max(scores, key=lambda s: (s.accuracy, -(math.inf if s.loss is None else s.loss)))
    if best.loss is None:
        raise ValueError(
            f"All {len(scores)} linear probes diverged; the smallest learning rate was "
            f"{min(sweep.lrs)}."
        )
    trial = best.trial
    every = np.sort(np.concatenate([fit, selection]))
    return LinearFit(train(every, (trial,)), trial, _at_edge(trial, sweep), tuple(scores))


def train_heads(
    features: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    rows: Int[np.ndarray, " f"],
    trials: tuple[Trial, ...],
    *,
    classes: int,
    sweep: LinearSweep,
    device: torch.device | str = "cpu",
    advance: Callable[[], None] | None = None,
) -> LinearHeads:
    """One classifier per trial, each stepped on every batch as if it were alone.

    SGD as in ``torch.optim.SGD``: ``v = momentum v + (g + decay w)``, ``w = w - lr v``, where the
    decay acts on the weights and not on the bias.
    """
    heads = _initial(features[rows], len(trials), classes, device)
    known, target = torch.from_numpy(features), torch.from_numpy(labels)
    size = min(sweep.batch_size, len(rows))
    peak = torch.tensor([trial.lr * size / 256 for trial in trials], device=heads.mean.device)
    decay = torch.tensor([trial.weight_decay for trial in trials], device=heads.mean.device)
    parts = (heads.weight, heads.bias)
    velocity = [torch.zeros_like(part) for part in parts]
    total = sweep.steps_for(len(rows))
    for step, batch in zip(range(total), _batches(rows, size, sweep.seed), strict=False):
        lr = peak * (0.5 * (1 + math.cos(math.pi * step / total)))
        gradients = _gradients(heads, known[batch].to(heads.mean), target[batch].to(device))
        gradients[0].add_(decay.view(-1, 1, 1) * heads.weight)
        for part, speed, gradient in zip(parts, velocity, gradients, strict=True):
            speed.mul_(sweep.momentum).add_(gradient)
            part.sub_(lr.view(-1, *[1] * (part.dim() - 1)) * speed)
        if advance:
            advance()
    return heads


@torch.no_grad()
def _gradients(
    heads: LinearHeads, features: Float[Tensor, "b d"], target: Int[Tensor, " b"]
) -> tuple[Tensor, Tensor]:
    """Of the mean cross-entropy: ``x^T (softmax - onehot) / b``; autograd would keep far more."""
    error = heads.logits(features).softmax(dim=2)
    error[:, torch.arange(len(target), device=target.device), target] -= 1
    error /= len(target)
    own = ((features - heads.mean) / heads.scale).T.expand(len(error), -1, -1)
    return own @ error, error.sum(dim=1)


def _initial(
    features: Float[np.ndarray, "f d"], heads: int, classes: int, device: torch.device | str
) -> LinearHeads:
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale[scale < 1e-6 * max(scale.max(), 1e-30)] = 1.0  # a constant tells nothing and may not grow
    width = features.shape[1]
    return LinearHeads(
        weight=torch.zeros(heads, width, classes, device=device),
        bias=torch.zeros(heads, classes, device=device),
        mean=torch.from_numpy(mean).to(device, torch.float32),
        scale=torch.from_numpy(scale).to(device, torch.float32),
    )


def _batches(rows: Int[np.ndarray, " f"], size: int, seed: int) -> Iterator[Tensor]:
    draws, known = generator("linear sweep", seed), torch.from_numpy(rows)
    while True:
        order = known[torch.randperm(len(rows), generator=draws)]
        yield from order[: len(order) // size * size].split(size)


def _at_edge(trial: Trial, sweep: LinearSweep) -> bool:
    """Nothing lies below a weight decay of 0."""
    rates, decays = sweep.lrs, sweep.weight_decays
    ends = {max(decays), min(decays)} - {0.0}
    return (len(rates) > 1 and trial.lr in (min(rates), max(rates))) or (
        len(decays) > 1 and trial.weight_decay in ends
    )


def _scored(trial: Trial, score: np.ndarray, truth: np.ndarray) -> TrialScore:
    if not np.isfinite(score).all():
        return TrialScore(trial, accuracy=-1.0, loss=None)
    own = score[np.arange(len(truth)), truth]
    loss = -np.log(own.clip(min=np.finfo(np.float64).tiny)).mean()
    return TrialScore(trial, float(top_k_hits(truth, score, 1).mean()), float(loss))
