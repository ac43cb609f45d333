"""Classification of a run with attentive probes that go into files or come out of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rich.progress import Progress

from jepakit.evals.classification.classification_result import ClassificationResult
from jepakit.evals.classification.run_classification import RunClassification
from jepakit.nn.attentive_pooler import AttentiveClassifier
from vjepa2.saved_probes import read_probe, write_probe


def learn_and_keep(
    subject: RunClassification,
    train: str,
    test: str,
    file: Path,
    progress: Progress | None = None,
) -> ClassificationResult:
    """Learn probes, judge them, and keep the encoder's attentive one.

    Args:
        subject: the run, and how it is classified.
        train: labelled videos to learn from.
        test: labelled videos to judge on.
        file: where the probe is written, see :func:`~vjepa2.saved_probes.write_probe`.
        progress: a running progress display to draw on.

    Raises:
        FileNotFoundError: see :meth:`RunClassification.measure`.
        ValueError: likewise.
    """

    def keep(probe: AttentiveClassifier, names: tuple[str, ...]) -> None:
        write_probe(probe, file, levels=subject.levels, names=names)

    return subject.measure(train, test, progress, keep=keep)


def judge_saved(
    subject: RunClassification,
    file: Path,
    test: str,
    progress: Progress | None = None,
    *,
    heads: int = 16,
) -> ClassificationResult:
    """Judge a probe out of a file; of several the first.

    Args:
        subject: the run, and how it is classified; its levels may be left to the file, which tells
            them if :func:`learn_and_keep` wrote it.
        file: see :func:`~vjepa2.saved_probes.read_probe`.
        test: labelled videos to judge on.
        progress: a running progress display to draw on.
        heads: attention heads of the probe, where the file does not say.

    Raises:
        FileNotFoundError: no such file or run.
        ValueError: see :func:`~vjepa2.saved_probes.read_probe` and :meth:`RunClassification.score`,
            or the probe learned from other levels.
    """
    saved = read_probe(file, heads=heads)
    subject = dataclasses.replace(subject, levels=saved.levels_or(subject.levels))
    return subject.score(saved.probe, test, progress, names=saved.names)
