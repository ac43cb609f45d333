"""From a run folder and two lists of labelled videos to the accuracy of its frozen features."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.progress import Progress

from jepakit.batch import BatchRequest
from jepakit.data.video import Augmentation, FrameSampling, video_batches
from jepakit.data.video.catalogue import read_catalogue
from jepakit.evals.classification_judge import ClassificationSettings
from jepakit.evals.classification_result import ClassificationResult
from jepakit.evals.clip_classification import classify
from jepakit.evals.controls import random_init
from jepakit.evals.labelled_clips import LabelledClips
from jepakit.evals.run_probe import RANDOM
from jepakit.protocols import Encoder
from jepakit.training.runs import build_run, load_run


@dataclass(frozen=True)
class VideoViews:
    """Batches of the clips of labelled videos; every pass reads the files again.

    A video is its own source: in lists where several files show one scene, put the scene's files on
    one side of the split.

    Attributes:
        path: a list ``PATH LABEL``, or a folder whose sub-folders are classes.
        request: the clips that the encoder takes.
        sampling: which frames, and how many clips of each video.
        batch_size: clips per batch.
        workers: decoding processes.
    """

    path: str
    request: BatchRequest
    sampling: FrameSampling
    batch_size: int = 16
    workers: int = 0

    def __iter__(self) -> Iterator[LabelledClips]:
        """All clips of all videos, in order; a video goes by its file, on either side."""
        entries = read_catalogue(self.path).entries
        files = {entry.key: str(Path(entry.path).resolve()) for entry in entries}
        loader = video_batches(
            self.path,
            self.request,
            sampling=self.sampling,
            augmentation=Augmentation(centre=0.875),
            batch_size=self.batch_size,
            workers=self.workers,
        )
        for batch in loader:
            names = [key.partition("--") for key in batch.keys]
            videos = tuple(files[name] for name, _, _ in names)
            yield LabelledClips(
                frames=batch.frames,
                labels=batch.targets["label"].long(),
                videos=videos,
                groups=videos,
                views=tuple(int(view or 0) for _, _, view in names),
            )


@dataclass(frozen=True)
class RunClassification:
    """What is classified, and how; see :func:`jepakit.evals.clip_classification.classify`.

    Attributes:
        run: the run folder.
        train: labelled videos to learn from.
        test: labelled videos to judge on.
        sampling: which frames; ``clips`` of a test video are averaged, a training video gives as
            many clips to learn from.
        checkpoint: the last state, or the one with the best monitored value.
        encoder: the EMA target encoder, or the context encoder.
        settings: probes, selection and intervals.
        batch_size: clips per forward pass.
        workers: decoding processes.
        device: where encoders and probes run; ``auto`` takes a GPU where there is one.
    """

    run: Path
    train: str
    test: str
    sampling: FrameSampling
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    settings: ClassificationSettings = dataclasses.field(default_factory=ClassificationSettings)
    batch_size: int = 16
    workers: int = 0
    device: str = "auto"

    def measure(self, progress: Progress | None = None) -> ClassificationResult:
        """Accuracies of the trained encoder, of the same network untrained and of the majority.

        Raises:
            FileNotFoundError: no such run.
            ValueError: videos without labels, or of other classes on the two sides.
        """
        trained, untrained = (
            getattr(model, "target_encoder" if self.encoder == "target" else "encoder")
            for model in (
                load_run(self.run, self.checkpoint),
                random_init(lambda: build_run(self.run), self.settings.seed),
            )
        )
        controls: dict[str, Encoder] = {RANDOM: untrained}
        device = self.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return classify(
            trained,
            self._views(self.train, trained),
            self._views(self.test, trained),
            classes=self._classes(),
            controls=controls,
            settings=self.settings,
            device=device,
            progress=progress,
        )

    def _views(self, path: str, encoder: Encoder) -> VideoViews:
        return VideoViews(path, encoder.request, self.sampling, self.batch_size, self.workers)

    def _classes(self) -> int:
        train, test = (read_catalogue(path) for path in (self.train, self.test))
        for path, catalogue in ((self.train, train), (self.test, test)):
            if not catalogue.is_labelled:
                raise ValueError(
                    f"{path} has no labels: give a list of lines PATH LABEL, or a folder whose "
                    "sub-folders are classes."
                )
        if train.classes != test.classes:
            raise ValueError(
                f"The classes of {self.train} are {train.classes}, those of {self.test} "
                f"{test.classes}: both sides need the same folders."
            )
        return 1 + max(entry.label or 0 for part in (train, test) for entry in part.entries)
