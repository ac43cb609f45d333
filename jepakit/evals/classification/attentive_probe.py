"""Attentive probes: many learning rates and weight decays at once, the choice made on own clips.

All probes of a sweep see the same batches of the same frozen tokens, so the encoder runs once for
all of them. They are fitted on ``fit``; the one that is best on ``selection`` is chosen, and by
default fitted again on both. No test clip takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from jepakit.evals.classification.frozen_clips import FrozenClips, TokenBatch
from jepakit.evals.classification.multi_view import average_views
from jepakit.evals.probes.controls import random_init
from jepakit.evals.scores import top_k
from jepakit.nn.attentive_pooler import AttentiveClassifier
from jepakit.training.precision import refuse_emulated_bf16
from jepakit.training.schedules import warmup_cosine

LEARNING_RATES = (5e-3, 3e-3, 1e-3, 3e-4, 1e-4)
WEIGHT_DECAYS = (0.01, 0.1, 0.4, 0.8)
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Sweep:
    """Which probes are trained, and how long.

    Source: V-JEPA 2, ``video_classification_frozen``: 3 blocks and the cross-attention ("depth 4"),
    16 heads, 20 probes, AdamW with weight decay on every parameter, cosine to 0 without warm-up.
    Differs: steps instead of epochs; all probes start from the same weights, so that they differ in
    nothing but ``lr`` and ``weight_decay``; there the best probe on the test clips is reported.

    Attributes:
        lrs: learning rates at the end of the warm-up.
        weight_decays: AdamW's weight decays; every pair with a learning rate is a probe.
        steps: optimizer steps.
        warmup_steps: steps of linear warm-up from 0.
        batch_size: clips per step, where tokens are kept.
        blocks: self-attention blocks of a probe.
        heads: its attention heads.
        mlp_ratio: hidden width of its MLPs over the width of a token.
        precision: of the probes' arithmetic; weights are float32.
        refit: train the chosen probe again on ``fit`` and ``selection`` together.
        seed: of the first weights and of the order of the clips.
    """

    lrs: tuple[float, ...] = LEARNING_RATES
    weight_decays: tuple[float, ...] = WEIGHT_DECAYS
    steps: int = 1000
    warmup_steps: int = 0
    batch_size: int = 32
    blocks: int = 3
    heads: int = 16
    mlp_ratio: float = 4.0
    precision: Precision = "float32"
    refit: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no training can mean."""
        if not self.lrs or not self.weight_decays:
            raise ValueError("A sweep needs at least one learning rate and one weight decay.")
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if not 0 <= self.warmup_steps < self.steps:
            raise ValueError(
                f"warmup_steps ({self.warmup_steps}) must be from 0 to below steps ({self.steps})."
            )

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every pair of a learning rate and a weight decay."""
        return tuple(Trial(lr, decay) for lr in self.lrs for decay in self.weight_decays)


@dataclass(frozen=True)
class Trial:
    """Hyper-parameters of one probe."""

    lr: float
    weight_decay: float


@dataclass(frozen=True)
class TrialScore:
    """What a trial reached on the selection clips; ``loss`` is None where it diverged."""

    trial: Trial
    accuracy: float
    loss: float | None


@dataclass(frozen=True)
class AttentiveFit:
    """A chosen probe.

    Attributes:
        probe: the trained probe, in evaluation mode.
        trial: the chosen hyper-parameters.
        at_edge: whether one of them is an end of its grid, so that a wider one may do better.
        scores: every trial on the selection clips.
    """

    probe: AttentiveClassifier
    trial: Trial
    at_edge: bool
    scores: tuple[TrialScore, ...]


def fit_attentive_probe(
    clips: FrozenClips,
    encoder: str,
    *,
    fit: Collection[str],
    selection: Collection[str],
    classes: int,
    sweep: Sweep,
    device: torch.device | str = "cpu",
    advance: Callable[[], None] | None = None,
) -> AttentiveFit:
    """Train all trials on ``fit``, choose by accuracy on ``selection``, train that one on both.

    Accuracy is top-1 per video, probabilities averaged over its views; of equal ones the lower
    cross-entropy wins.

    Args:
        clips: the training clips.
        encoder: whose tokens.
        fit: groups that the trials learn from.
        selection: groups that choose among them.
        classes: number of classes.
        sweep: the trials and their training.
        device: where the probes live.
        advance: called after every optimizer step.

    Raises:
        ValueError: both parts share groups, the width does not suit the heads, or every trial
            diverged.
    """
    shared = sorted(set(fit) & set(selection))
    if shared:
        raise ValueError(f"The fit and selection parts must not share groups: {shared[:3]}.")

    def train(trials: tuple[Trial, ...], groups: Collection[str]) -> list[AttentiveClassifier]:
        batches = clips.endless(encoder, groups, batch_size=sweep.batch_size, seed=sweep.seed)
        width = clips.pooled[encoder].shape[1]
        return train_probes(
            width, classes, trials, batches, sweep=sweep, device=device, advance=advance
        )

    probes = train(sweep.trials, fit)
    scores = _selection_scores(probes, clips.once(encoder, selection), sweep)
    best = max(range(len(scores)), key=lambda number: _merit(scores[number]))
    if scores[best].loss is None:
        raise ValueError(
            f"All {len(scores)} probes diverged; the smallest learning rate was {min(sweep.lrs)}."
        )
    trial, probe = scores[best].trial, probes[best]
    if sweep.refit:
        probe = train((trial,), {*fit, *selection})[0]
    edges = ((trial.lr, sweep.lrs), (trial.weight_decay, sweep.weight_decays))
    at_edge = any(len(grid) > 1 and value in (min(grid), max(grid)) for value, grid in edges)
    return AttentiveFit(probe, trial, at_edge, tuple(scores))


def train_probes(
    width: int,
    classes: int,
    trials: tuple[Trial, ...],
    batches: Iterable[TokenBatch],
    *,
    sweep: Sweep,
    device: torch.device | str = "cpu",
    advance: Callable[[], None] | None = None,
) -> list[AttentiveClassifier]:
    """One probe per trial, each stepped once on every batch, as if it were alone.

    Probes take turns, so that the activations of one are in memory at a time. Stacking them under
    ``torch.vmap`` was measured on a CPU, 20 probes: twice as fast without blocks at width 64, equal
    with 3 blocks, 1.5 to 1.9 times slower with 3 blocks at width 192.

    Raises:
        ValueError: the batches end before the steps, or bfloat16 on a CPU that only emulates it.
    """
    refuse_emulated_bf16("bf16" if sweep.precision == "bfloat16" else None, str(device))

    def build() -> AttentiveClassifier:
        return AttentiveClassifier(
            width, classes, heads=sweep.heads, blocks=sweep.blocks, mlp_ratio=sweep.mlp_ratio
        )

    probes = [random_init(build, sweep.seed).to(device) for _ in trials]
    optimizer = torch.optim.AdamW(
        [
            {"params": list(probe.parameters()), "lr": trial.lr, "weight_decay": trial.weight_decay}
            for probe, trial in zip(probes, trials, strict=True)
        ],
        fused=True,
    )
    stream = iter(batches)
    for step in range(sweep.steps):
        batch = next(stream, None)
        if batch is None:
            raise ValueError(f"The batches ended after {step} of {sweep.steps} steps.")
        for group, trial in zip(optimizer.param_groups, trials, strict=True):
            group["lr"] = warmup_cosine(
                step,
                start=0.0,
                peak=trial.lr,
                end=0.0,
                warmup=sweep.warmup_steps,
                total=sweep.steps,
            )
        for probe in probes:
            F.cross_entropy(_logits(probe, batch.tokens, sweep.precision), batch.labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        if advance:
            advance()
    return [probe.eval() for probe in probes]


@torch.no_grad()
def probabilities(
    probe: AttentiveClassifier, tokens: Float[Tensor, "b n d"], *, precision: Precision = "float32"
) -> Float[np.ndarray, "b classes"]:
    """Softmax of the probe's logits, float64; not finite where the probe has diverged."""
    logits = _logits(probe, tokens, precision)
    return logits.double().softmax(dim=1).cpu().numpy()


def _logits(probe: AttentiveClassifier, tokens: Tensor, precision: Precision) -> Tensor:
    half = precision == "bfloat16"
    with torch.autocast(tokens.device.type, torch.bfloat16, enabled=half):
        logits = probe(tokens)
    return logits.float()


def _selection_scores(
    probes: list[AttentiveClassifier], batches: Iterable[TokenBatch], sweep: Sweep
) -> list[TrialScore]:
    videos: list[str] = []
    labels: list[int] = []
    rows: list[list[np.ndarray]] = [[] for _ in probes]
    for batch in batches:
        videos += batch.videos
        labels += batch.labels.tolist()
        for own, probe in zip(rows, probes, strict=True):
            own.append(probabilities(probe, batch.tokens, precision=sweep.precision))
    truth = np.asarray(labels)[np.unique(videos, return_index=True)[1]]
    return [
        _trial_score(trial, average_views(np.concatenate(own), videos), truth)
        for trial, own in zip(sweep.trials, rows, strict=True)
    ]


def _trial_score(trial: Trial, score: np.ndarray, truth: np.ndarray) -> TrialScore:
    if not np.isfinite(score).all():
        return TrialScore(trial, accuracy=0.0, loss=None)
    ones = np.ones((1, len(truth)))
    own = score[np.arange(len(truth)), truth]
    loss = -np.log(own.clip(min=np.finfo(np.float64).tiny)).mean()
    return TrialScore(trial, float(top_k(truth, score, 1)(ones)[0]), float(loss))


def _merit(score: TrialScore) -> tuple[float, float]:
    return (-1.0, 0.0) if score.loss is None else (score.accuracy, -score.loss)
