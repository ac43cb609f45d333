"""From a run folder and labelled videos to the accuracy of its frozen features or of a probe."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.progress import Progress

from jepakit.data.video import FrameSampling
from jepakit.data.video.catalogue import Catalogue, read_catalogue
from jepakit.evals.classification.classification_judge import ClassificationSettings
from jepakit.evals.classification.classification_result import ClassificationResult
from jepakit.evals.classification.clip_classification import classify, score_probe
from jepakit.evals.classification.level_tokens import LevelTokens
from jepakit.evals.classification.video_views import VideoViews
from jepakit.evals.probes.controls import random_init
from jepakit.evals.probes.probe_result import ENCODER
from jepakit.evals.probes.run_probe import RANDOM
from jepakit.nn.attentive_pooler import AttentiveClassifier
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import Encoder
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_run, load_run


@dataclass(frozen=True)
class RunClassification:
    """What of a run is classified, and how.

    Attributes:
        run: the run folder.
        sampling: which frames; answers of the ``clips`` of a test video are averaged, a training
            video gives as many clips to learn from.
        segments: clips that a probe reads together, see :class:`VideoViews`.
        crops: views of a test video over the picture; training videos show the centre.
        levels: blocks whose outputs a probe reads together, see :class:`LevelTokens`; none for the
            encoder's own output.
        checkpoint: the last state, or the one with the best monitored value.
        encoder: the EMA target encoder, or the context encoder.
        settings: probes, selection and intervals.
        batch_size: clips per forward pass.
        workers: decoding processes.
        device: where encoders and probes run; ``auto`` takes a GPU where there is one.
    """

    run: Path
    sampling: FrameSampling
    segments: int = 1
    crops: int = 1
    levels: tuple[int, ...] = ()
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    settings: ClassificationSettings = dataclasses.field(default_factory=ClassificationSettings)
    batch_size: int = 16
    workers: int = 0
    device: str = "auto"

    def measure(
        self,
        train: str,
        test: str,
        progress: Progress | None = None,
        *,
        keep: Callable[[AttentiveClassifier, tuple[str, ...]], None] | None = None,
    ) -> ClassificationResult:
        """Accuracies of the trained encoder, of the same network untrained and of the majority.

        Args:
            train: labelled videos to learn from, a list or a folder.
            test: labelled videos to judge on.
            progress: a running progress display to draw on.
            keep: is given the encoder's attentive probe, and the names of the classes if any.

        Raises:
            FileNotFoundError: no such run.
            ValueError: videos without labels, or of other classes on the two sides.
        """
        trained = self._encoder_of(load_run(self.run, self.checkpoint))
        untrained = random_init(lambda: build_run(self.run), self.settings.seed)
        learned, judged = labelled(train), labelled(test)
        if learned.classes != judged.classes:
            raise ValueError(
                f"The classes of {train} are {learned.classes}, those of {test} "
                f"{judged.classes}: both sides need the same folders."
            )

        def on_probe(features: str, probe: AttentiveClassifier) -> None:
            if keep is not None and features == ENCODER:
                keep(probe, learned.classes)

        result = classify(
            trained,
            self._views(train, trained, crops=1),
            self._views(test, trained, crops=self.crops),
            classes=max(_classes(learned), _classes(judged)),
            controls={RANDOM: self._encoder_of(untrained)},
            settings=self.settings,
            device=self._device(),
            progress=progress,
            on_probe=on_probe,
        )
        return self._told(result)

    def score(
        self,
        probe: AttentiveClassifier,
        test: str,
        progress: Progress | None = None,
        *,
        names: tuple[str, ...] = (),
    ) -> ClassificationResult:
        """Accuracy of a probe that has its weights already; nothing is trained.

        Folders are numbered alphabetically, which has to be the order of the probe's classes; a
        list has the numbers that the probe learned, of which some may be absent.

        Args:
            probe: trained on tokens of this encoder, its ``levels`` and ``segments``.
            test: labelled videos to judge on, a list or a folder.
            progress: a running progress display to draw on.
            names: of the probe's classes, if known.

        Raises:
            FileNotFoundError: no such run.
            ValueError: videos without labels or of other classes than the probe's, or tokens of
                another width.
        """
        judged, encoder = labelled(test), self._encoder_of(load_run(self.run, self.checkpoint))
        check_classes(probe.head.out_features, names, judged, test)
        width = probe.head.in_features
        if width != encoder.width:
            raise ValueError(
                f"The probe reads tokens of width {width}, and the {self.encoder} encoder of "
                f"{self.run} makes tokens of width {encoder.width}: it belongs to another encoder."
            )
        result = score_probe(
            encoder,
            probe,
            self._views(test, encoder, crops=self.crops),
            settings=self.settings,
            device=self._device(),
            progress=progress,
        )
        return self._told(result)

    def _told(self, result: ClassificationResult) -> ClassificationResult:
        """The result with a word on what a probe reads, where that is more than one output."""
        method = result.method
        if self.segments > 1:
            method += f" A view is {self.segments} clips whose tokens are read together."
        if self.levels:
            blocks = ", ".join(map(str, self.levels))
            method += f" Tokens are the normed outputs of the blocks {blocks}, counted from 0."
        return dataclasses.replace(result, method=method)

    def _encoder_of(self, module: JepaModule) -> Encoder:
        name = "target_encoder" if self.encoder == "target" else "encoder"
        encoder: Encoder = getattr(module.to(self._device()), name)
        if not self.levels:
            return encoder
        if not isinstance(encoder, VisionTransformer):
            raise ValueError(
                f"Levels {self.levels} are blocks of a vision transformer; the {name} of "
                f"{self.run} is a {type(encoder).__name__}. Leave levels out."
            )
        return LevelTokens(encoder, self.levels)

    def _views(self, path: str, encoder: Encoder, *, crops: int) -> VideoViews:
        return VideoViews(
            path,
            encoder.request,
            self.sampling,
            self.batch_size,
            self.workers,
            segments=self.segments,
            crops=crops,
        )

    def _device(self) -> str:
        if self.device != "auto":
            return self.device
        return "cuda" if torch.cuda.is_available() else "cpu"


def labelled(path: str) -> Catalogue:
    """The videos of a folder or list, which must have labels.

    Raises:
        ValueError: they have none.
    """
    catalogue = read_catalogue(path)
    if not catalogue.is_labelled:
        raise ValueError(
            f"{path} has no labels: give a list of lines PATH LABEL, or a folder whose "
            "sub-folders are classes."
        )
    return catalogue


def check_classes(known: int, names: tuple[str, ...], judged: Catalogue, path: str) -> None:
    """Whether labels of videos are classes of a probe.

    Args:
        known: number of the probe's classes.
        names: theirs, if known.
        judged: the videos.
        path: where they come from, for the message.

    Raises:
        ValueError: a folder with another number of classes or with other names, or a list with
            numbers beyond the probe's.
    """
    given = _classes(judged)
    if given > known or (judged.classes and given != known):
        raise ValueError(
            f"The probe has {known} classes and {path} has {given}. Folders must be the probe's "
            "classes, all of them and in its alphabetical order; a list of lines PATH LABEL may "
            f"use any of the numbers 0 to {known - 1}."
        )
    if names and judged.classes and names != judged.classes:
        raise ValueError(
            f"The probe's classes are {names}, those of {path} {judged.classes}: the folders must "
            "be the ones that it learned from."
        )


def _classes(catalogue: Catalogue) -> int:
    """Number of classes: all folders, or up to the highest number of a list."""
    return len(catalogue.classes) or 1 + max(entry.label or 0 for entry in catalogue.entries)
