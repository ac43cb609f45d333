"""Does a model's predicted residual find the objects that truly change when one is removed?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from rich.progress import Progress

from jepakit.evals.probes.controls import random_init
from jepakit.evals.probes.run_probe import encoder_of
from jepakit.evals.removals.fidelity_pairs import Candidates, Scorer, collect_pairs
from jepakit.evals.removals.fidelity_result import (
    ATTENTION,
    GRADIENT,
    MOTION,
    NEARNESS,
    SIZE,
    TRAINED,
    TRUE_CHANGE,
    UNTRAINED,
    FidelityResult,
)
from jepakit.evals.removals.object_scores import (
    attention_scores,
    change_scores,
    gradient_scores,
    motion,
    nearness,
    residual_scores,
    size,
)
from jepakit.evals.removals.removal_clips import RemovalClips
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import Intervenes
from jepakit.seeds import generator
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_run, load_run


@dataclass(frozen=True)
class FidelityOptions:
    """What is measured, and on which clips.

    Attributes:
        split: of the data set.
        checkpoint: the last state, or the one with the best monitored value.
        candidates: which other objects are ranked: all, or only those that can move.
        seeds: untrained twins of the model.
        draws: of the bootstrap over scenes.
        seed: of the draws, and of the directions of the gradient.
        device: where the model runs; ``auto`` takes a GPU where there is one.
    """

    split: str = "val"
    checkpoint: Literal["last", "best"] = "last"
    candidates: Candidates = "all"
    seeds: int = 3
    draws: int = 2000
    seed: int = 0
    device: str = "auto"


class RunFidelity:
    """A trained run, its untrained twins and clips with re-simulations.

    Args:
        run: the run folder.
        data: the data set.
        options: what is measured.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: the run's model predicts no removal, no such data set or split, clips without
            re-simulations or of another size, or a truth that is the same for all pairs.
    """

    def __init__(self, run: Path, data: str, *, options: FidelityOptions | None = None) -> None:
        self.run, self.data = run, data
        self.options = options or FidelityOptions()
        device = self.options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = load_run(run, self.options.checkpoint).to(device)
        intervening(self.model, run)
        self.encoder = encoder_of(self.model, "target")
        self.clips = RemovalClips(data, self.encoder.request, split=self.options.split)
        self.twins = [
            random_init(lambda: build_run(run), number).to(device)
            for number in range(self.options.seeds)
        ]

    def measure(self, progress: Progress | None = None) -> FidelityResult:
        """Score all pairs of objects and compare with the truth."""
        pairs = collect_pairs(
            self.clips,
            self._scorers(),
            candidates=self.options.candidates,
            told=advancing(progress, "removals", len(self.clips)),
        )
        options = self.options
        return FidelityResult.of(pairs, self._source(), draws=options.draws, seed=options.seed)

    def _scorers(self) -> dict[str, Scorer]:
        scorers: dict[str, Scorer] = {
            TRAINED: partial(residual_scores, intervening(self.model, self.run)),
            TRUE_CHANGE: partial(change_scores, self.encoder),
        }
        for number, twin in enumerate(self.twins):
            scorers[f"{UNTRAINED} {number}"] = partial(residual_scores, intervening(twin, self.run))
        if isinstance(self.encoder, VisionTransformer):
            draws = generator("gradient influence", self.options.seed)
            scorers[ATTENTION] = partial(attention_scores, self.encoder)
            scorers[GRADIENT] = partial(gradient_scores, self.encoder, generator=draws)
        return scorers | {NEARNESS: nearness, MOTION: motion, SIZE: size}

    def _source(self) -> dict[str, str]:
        o = self.options
        return {
            "run": f"{self.run.name}, {o.checkpoint} checkpoint",
            "data": f"{len(self.clips)} clips, split '{o.split}' of {Path(self.data).name}",
            "candidates": "all other objects"
            if o.candidates == "all"
            else "other objects that can move",
            "data fingerprint": self.clips.reader.manifest.fingerprint,
        }


def intervening(model: JepaModule, run: Path) -> Intervenes:
    """The model as one that predicts removals.

    Raises:
        ValueError: it predicts none.
    """
    if not isinstance(model, Intervenes):
        raise ValueError(
            f"{run} is a run of {type(model).__name__}, which does not predict what the removal of "
            "an object changes; train one that does, such as configs/cjepa/demo.yaml."
        )
    return model


def advancing(progress: Progress | None, title: str, total: int) -> Callable[[int], None] | None:
    """Something to tell how much more is done, or None without a display."""
    if progress is None:
        return None
    task = progress.add_task(title, total=total)
    return lambda more: progress.advance(task, more)
