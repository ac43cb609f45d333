"""Classification of clips from frozen tokens: attentive and linear probes, controls, intervals."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from rich.progress import Progress

from jepakit.evals.classification.attentive_probe import (
    Precision,
    fit_attentive_probe,
    probabilities,
)
from jepakit.evals.classification.classification_judge import (
    Answer,
    ClassificationSettings,
    judge_answers,
)
from jepakit.evals.classification.classification_result import ClassificationResult, Classifier
from jepakit.evals.classification.frozen_clips import FrozenClips, encode_clips
from jepakit.evals.classification.labelled_clips import ClipTable, LabelledClips
from jepakit.evals.classification.multi_view import average_views
from jepakit.evals.probes.linear_probe import fit_classifier, split_by_group
from jepakit.evals.probes.probe_result import ENCODER
from jepakit.nn.attentive_pooler import AttentiveClassifier
from jepakit.protocols import Encoder
from jepakit.seeds import derive_seed

MAJORITY = "majority class"
OnProbe = Callable[[str, AttentiveClassifier], None]
"""Takes the name of the features and the attentive probe that was chosen for them."""


def classify(
    encoder: Encoder,
    train: Iterable[LabelledClips],
    test: Iterable[LabelledClips],
    *,
    classes: int,
    controls: Mapping[str, Encoder] | None = None,
    settings: ClassificationSettings | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    on_probe: OnProbe | None = None,
) -> ClassificationResult:
    """Train probes on frozen tokens, choose them without the test clips, and judge them there.

    A test video may have any number of views, see
    :func:`jepakit.evals.classification.multi_view.cut_views`; its answer is the mean of the
    probabilities over them. The majority class is always a control.

    Args:
        encoder: the encoder under test.
        train: batches of clips to learn from; the selection part is taken out of them by group.
        test: batches of clips to judge on.
        classes: number of classes.
        controls: other encoders that get the same clips and probes, by name: the same network
            untrained, see :func:`jepakit.evals.probes.controls.random_init`.
        settings: see :class:`ClassificationSettings`.
        device: where encoders live and probes are trained.
        progress: a running progress display to draw on.
        on_probe: is given the name of the features and the chosen attentive probe of each.

    Raises:
        ValueError: no clips, labels outside of the classes, groups on both sides, a view given
            twice, or see :func:`fit_attentive_probe` and :func:`fit_classifier`.
    """
    settings = settings or ClassificationSettings()
    encoders = {ENCODER: encoder, **(controls or {})}
    contest = _Contest(
        encoders, (train, test), classes, settings, torch.device(device), progress, on_probe
    )
    answers = [
        contest.attentive(name) if probe == "attentive" else contest.linear(name)
        for name in encoders
        for probe in settings.probes
    ]
    return judge_answers(
        [*answers, contest.majority()],
        contest.judged.table,
        classes=classes,
        settings=settings,
        method=contest.method(),
        learned_from=(len(contest.split.train), len(contest.split.selection)),
    )


def score_probe(
    encoder: Encoder,
    probe: AttentiveClassifier,
    test: Iterable[LabelledClips],
    *,
    settings: ClassificationSettings | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> ClassificationResult:
    """Judge a probe that is trained already, such as a published one, on test clips.

    Args:
        encoder: the encoder that the probe was trained on.
        probe: the probe, with its weights.
        test: batches of clips to judge on, read once.
        settings: see :class:`ClassificationSettings`; only the bootstrap and ``sweep.precision``.
        device: where encoder and probe live.
        progress: a running progress display to draw on.

    Raises:
        ValueError: no clips, labels outside of the probe's classes, or a view given twice.
    """
    settings = settings or ClassificationSettings()
    classes = probe.head.out_features
    probe = probe.to(device).eval()
    task = progress.add_task("test clips", total=None) if progress else None
    seen: list[LabelledClips] = []
    rows: list[np.ndarray] = []
    for batch in test:
        tokens = encode_clips(encoder, batch.to(device)).float()
        rows.append(probabilities(probe, tokens, precision=settings.sweep.precision))
        seen.append(batch.without_frames())
        if progress and task is not None:
            progress.advance(task, len(batch))
    judged = ClipTable.of(seen)
    judged.check_labels(classes, "test")
    judged.check_views()
    answer = average_views(np.concatenate(rows), judged.videos)
    subject = Classifier(ENCODER, "attentive", {}, at_edge=False)
    return judge_answers(
        [(subject, answer)],
        judged,
        classes=classes,
        settings=settings,
        method="The probe came with its weights; nothing was trained or chosen here.",
        learned_from=(0, 0),
    )


class _Contest:
    """Training and test clips of all encoders, checked and split: one method per classifier."""

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        clips: tuple[Iterable[LabelledClips], Iterable[LabelledClips]],
        classes: int,
        settings: ClassificationSettings,
        device: torch.device,
        progress: Progress | None,
        on_probe: OnProbe | None,
    ) -> None:
        learned, judged = (
            FrozenClips(
                own,
                encoders,
                keep=settings.keep_tokens,
                device=device,
                progress=progress,
                title=f"tokens of the {title} clips",
            )
            for own, title in zip(clips, ("training", "test"), strict=True)
        )
        learned.table.check_labels(classes, "training")
        judged.table.check_labels(classes, "test")
        judged.table.check_views()
        self.learned, self.judged, self.classes = learned, judged, classes
        self.settings, self.device, self.progress = settings, device, progress
        self.on_probe = on_probe
        groups = np.concatenate([learned.table.groups, judged.table.groups])
        self.split = split_by_group(
            groups,
            np.arange(len(groups)) >= len(learned.table),
            selection=settings.selection,
            rng=np.random.default_rng(derive_seed("selection", settings.seed)),
        )

    def attentive(self, features: str) -> Answer:
        """The chosen attentive probe on these features."""
        sweep, split = self.settings.sweep, self.split
        fit, selection = (
            set(self.learned.table.groups[rows].tolist()) for rows in (split.fit, split.selection)
        )
        found = fit_attentive_probe(
            self.learned,
            features,
            fit=fit,
            selection=selection,
            classes=self.classes,
            sweep=sweep,
            device=self.device,
            advance=self._bar(f"attentive probes, {features}", sweep.steps * (1 + sweep.refit)),
        )
        chosen = {"lr": found.trial.lr, "weight_decay": found.trial.weight_decay}
        trials = tuple(None if score.loss is None else score.accuracy for score in found.scores)
        subject = Classifier(features, "attentive", chosen, found.at_edge, trials)
        if self.on_probe is not None:
            self.on_probe(features, found.probe)
        return subject, _probabilities(found.probe, self.judged, features, sweep.precision)

    def linear(self, features: str) -> Answer:
        """The chosen linear probe on the mean over these tokens."""
        found = fit_classifier(
            np.concatenate([self.learned.pooled[features], self.judged.pooled[features]]),
            np.concatenate([self.learned.table.labels, self.judged.table.labels]),
            self.split,
            classes=self.classes,
            strengths=self.settings.strengths,
        )
        subject = Classifier(features, "linear", {"strength": found.strength}, found.at_edge)
        return subject, average_views(found.score, self.judged.table.videos)

    def majority(self) -> Answer:
        """The frequencies of the training clips' classes for every video."""
        counts = np.bincount(self.learned.table.labels, minlength=self.classes)
        videos = len(np.unique(self.judged.table.videos))
        subject = Classifier(MAJORITY, "none", {}, at_edge=False)
        return subject, np.tile(counts / counts.sum(), (videos, 1))

    def method(self) -> str:
        """How the classifiers came about, in words."""
        again = "once" if self.settings.keep_tokens else "again in every round"
        fitted = "after a fit on both parts" if self.settings.sweep.refit else "as it was"
        return (
            f"Probes learned from {len(self.split.train)} clips, encoded {again}. "
            f"{len(self.split.selection)} of them, split off by group, chose the hyper-parameters, "
            f"test clips never; the chosen attentive probe was judged {fitted}. A star marks an "
            "interval that lies entirely below the one of the first line."
        )

    def _bar(self, title: str, total: int) -> Callable[[], None] | None:
        if self.progress is None:
            return None
        return functools.partial(self.progress.advance, self.progress.add_task(title, total=total))


def _probabilities(
    probe: AttentiveClassifier, clips: FrozenClips, features: str, precision: Precision
) -> Float[np.ndarray, "videos classes"]:
    rows: list[np.ndarray] = []
    videos: list[str] = []
    for batch in clips.once(features, set(clips.table.groups.tolist())):
        rows.append(probabilities(probe, batch.tokens, precision=precision))
        videos += batch.videos
    return average_views(np.concatenate(rows), videos)
