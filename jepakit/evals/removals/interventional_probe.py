"""Linear read-outs of predicted removals, against the plain scene and the true re-simulation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.progress import Progress

from jepakit.evals.probes.controls import random_init
from jepakit.evals.probes.linear_probe import (
    Prediction,
    Split,
    constant_prediction,
    fit_probe,
    split_by_group,
    undefined_reason,
)
from jepakit.evals.probes.probe_items import probe_items
from jepakit.evals.probes.probe_result import ProbeSettings, UndefinedLabel
from jepakit.evals.probes.run_probe import encoder_of
from jepakit.evals.removals.causal_fidelity import advancing, intervening
from jepakit.evals.removals.intervention_result import (
    MAJORITY,
    InterventionResult,
    QuestionResult,
    question_result,
)
from jepakit.evals.removals.removal_clips import RemovalClips
from jepakit.evals.removals.removal_features import (
    SCENE,
    UNTRAINED,
    RemovalFeatures,
    RemovalModel,
    removal_features,
)
from jepakit.evals.removals.removal_questions import QUESTIONS, Level
from jepakit.evals.statistics import Resampling
from jepakit.seeds import derive_seed
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_run, load_run


@dataclass(frozen=True)
class InterventionOptions:
    """What is probed, and on which clips.

    Attributes:
        checkpoint: the last state, or the one with the best monitored value.
        train_split: clips that probes learn from.
        test_split: clips that they are judged on.
        removals: of each clip, drawn at random.
        effective: draw only among removals that visibly change another object.
        seed: of that draw.
        device: where the model runs; ``auto`` takes a GPU where there is one.
    """

    checkpoint: Literal["last", "best"] = "last"
    train_split: str = "train"
    test_split: str = "val"
    removals: int = 3
    effective: bool = False
    seed: int = 0
    device: str = "auto"


class RunInterventions:
    """A trained run, its untrained twins, and two splits of clips with re-simulations.

    Args:
        run: the run folder.
        data: the data set.
        options: what is probed.
        settings: how.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: the run's model predicts no removal, no such data set or split, clips without
            re-simulations or of another size, or scenes on both sides.
    """

    def __init__(
        self,
        run: Path,
        data: str,
        *,
        options: InterventionOptions | None = None,
        settings: ProbeSettings | None = None,
    ) -> None:
        self.run, self.data = run, data
        self.options = options or InterventionOptions()
        self.settings = settings or ProbeSettings()
        device = self.options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.trained = self._removal_model(load_run(run, self.options.checkpoint))
        splits = (self.options.train_split, self.options.test_split)
        request = self.trained.encoder.request
        self.clips = {split: RemovalClips(data, request, split=split) for split in splits}
        self.twins = [
            self._removal_model(random_init(lambda: build_run(run), number))
            for number in range(self.settings.seeds)
        ]

    def measure(self, progress: Progress | None = None) -> InterventionResult:
        """Take all features once, then probe every question."""
        o = self.options
        train, test = (self._features(split, progress) for split in (o.train_split, o.test_split))
        results: list[QuestionResult] = []
        undefined: list[UndefinedLabel] = []
        for level in train:
            joined = RemovalFeatures.joined([train[level], test[level]])
            is_test = np.arange(len(joined.groups)) >= len(train[level].groups)
            scored, left_out = probe_level(joined, is_test, self.settings)
            results += scored
            undefined += left_out
        source = {
            "run": f"{self.run.name}, {o.checkpoint} checkpoint",
            "removals": f"{len(train['scene'].groups)} of split '{o.train_split}' to learn from, "
            f"{len(test['scene'].groups)} of '{o.test_split}' to be judged on, "
            + ("those that change something" if o.effective else "whatever they change"),
            "data": f"{Path(self.data).name}, fingerprint "
            f"{self.clips[o.test_split].reader.manifest.fingerprint}",
        }
        return InterventionResult(tuple(results), tuple(undefined), source, self.settings)

    def _features(self, split: str, progress: Progress | None) -> dict[Level, RemovalFeatures]:
        seed = derive_seed("removals", self.options.seed, split)
        return removal_features(
            self.clips[split],
            self.trained,
            self.twins,
            removals=self.options.removals,
            effective=self.options.effective,
            generator=np.random.default_rng(seed),
            device=self.device,
            told=advancing(progress, f"removals of {split}", len(self.clips[split])),
        )

    def _removal_model(self, module: JepaModule) -> RemovalModel:
        module = module.to(self.device)
        return RemovalModel(intervening(module, self.run), encoder_of(module, "target"))


def probe_level(
    features: RemovalFeatures, test: Bool[np.ndarray, " n"], settings: ProbeSettings
) -> tuple[list[QuestionResult], list[UndefinedLabel]]:
    """Probe each question from every kind of features, on the same rows and draws.

    Args:
        features: of training and test rows.
        test: which rows are only predicted.
        settings: how.

    Returns:
        What could be scored, and what could not and why.

    Raises:
        ValueError: a scene is on both sides.
    """
    splits = [
        split_by_group(
            features.groups,
            test,
            selection=settings.selection,
            rng=np.random.default_rng(derive_seed("selection", seed)),
        )
        for seed in range(settings.seeds)
    ]
    results: list[QuestionResult] = []
    undefined: list[UndefinedLabel] = []
    for name, target in features.answers.items():
        kind = QUESTIONS[name].kind
        known = ~np.isnan(target)
        own = [split.only(known) for split in splits]
        reasons = (
            undefined_reason(kind, target, features.groups, split, at_least=settings.at_least)
            for split in own
        )
        reason = next((found for found in reasons if found), None)
        if reason:
            undefined.append(UndefinedLabel(name, kind, reason))
            continue
        results.append(_probe_question(name, features, own, settings))
    return results, undefined


def _probe_question(
    name: str, features: RemovalFeatures, splits: list[Split], settings: ProbeSettings
) -> QuestionResult:
    target, rows = features.answers[name], splits[0].test
    predictions: dict[str, list[Prediction]] = {}
    for source, arrays in _sources(features, settings.seeds).items():
        predictions[source] = [
            fit_probe(QUESTIONS[name].kind, x, target, split, strengths=settings.strengths)
            for x, split in zip(arrays, splits, strict=True)
        ]
    predictions[MAJORITY] = [constant_prediction(target, splits[0])]
    resampling = Resampling.of_groups(
        features.groups[rows],
        draws=settings.draws,
        rng=np.random.default_rng(derive_seed("bootstrap", name)),
    )
    counts = splits[0].train.size, rows.size
    groups = features.groups[rows].astype(str).tolist()
    named = [f"{group}/row {row}" for group, row in zip(groups, rows, strict=True)]
    items = None
    if SCENE in predictions:
        kind = QUESTIONS[name].kind
        items = probe_items(kind, target[rows], predictions[SCENE], named, groups)
    return question_result(name, predictions, target[rows], resampling, counts, settings, items)


def _sources(features: RemovalFeatures, seeds: int) -> dict[str, list[Float[np.ndarray, "n d"]]]:
    """An array per seed: untrained features have their own, the others serve every seed."""
    found = {
        name: [value] * seeds
        for name, value in features.values.items()
        if not name.startswith(UNTRAINED)
    }
    twins = [value for name, value in features.values.items() if name.startswith(UNTRAINED)]
    return found | ({UNTRAINED: twins} if twins else {})
