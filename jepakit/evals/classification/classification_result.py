"""What a clip classification measured: numbers, a file and a table."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.evals.statistics import Interval

Probe = Literal["attentive", "linear", "none"]
Accuracy = Literal["top1", "top5"]


@dataclass(frozen=True)
class Classifier:
    """One probe on one kind of features, and how it was chosen.

    Attributes:
        features: the encoder under test, a control, or the majority class.
        probe: how they are read.
        chosen: the hyper-parameters that were best on the selection part.
        at_edge: whether one of them is an end of its grid, so that a wider one may do better.
        selection: accuracy of every attentive trial on the selection part, in the order of the
            grid; None where one diverged.
    """

    features: str
    probe: Probe
    chosen: dict[str, float]
    at_edge: bool
    selection: tuple[float | None, ...] = ()

    @property
    def name(self) -> str:
        """Features and probe in words."""
        return self.features if self.probe == "none" else f"{self.features}, {self.probe} probe"


@dataclass(frozen=True)
class AccuracyScore:
    """Accuracy of a classifier on the test videos, 0..1."""

    classifier: str
    metric: Accuracy
    interval: Interval


@dataclass(frozen=True)
class AccuracyDifference:
    """One accuracy minus another, on the same draws.

    Attributes:
        classifier: the one under test.
        control: what it is held against.
        metric: which accuracy.
        interval: of the difference.
        better: whether the whole interval is above 0.
        disjoint: whether, besides, the intervals of both accuracies share no value.
    """

    classifier: str
    control: str
    metric: Accuracy
    interval: Interval
    better: bool
    disjoint: bool


@dataclass(frozen=True)
class ClassificationResult:
    """A whole comparison.

    Attributes:
        classes: number of classes.
        train_clips: clips that probes learned from, the selection part included.
        selection_clips: clips that chose hyper-parameters.
        test_videos: videos judged.
        test_groups: groups that they come from, which the bootstrap draws.
        views: views per test video, least and most.
        classifiers: what was compared.
        scores: their accuracies.
        differences: each against what it has to beat.
        method: how it was measured, in words.
    """

    classes: int
    train_clips: int
    selection_clips: int
    test_videos: int
    test_groups: int
    views: tuple[int, int]
    classifiers: tuple[Classifier, ...]
    scores: tuple[AccuracyScore, ...]
    differences: tuple[AccuracyDifference, ...]
    method: str

    def classifier(self, features: str, probe: Probe) -> Classifier:
        """The probe of this kind on these features."""
        return next(c for c in self.classifiers if (c.features, c.probe) == (features, probe))

    def score(self, classifier: Classifier | str, metric: Accuracy = "top1") -> Interval:
        """Accuracy of a classifier, given itself or its name."""
        name = classifier if isinstance(classifier, str) else classifier.name
        return next(s.interval for s in self.scores if (s.classifier, s.metric) == (name, metric))

    def to_json(self) -> str:
        """Every number, with names."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows; a star marks what the first classifier clearly beats."""
        metrics = list(dict.fromkeys(score.metric for score in self.scores))
        first = self.classifiers[0].name
        beaten = {
            (d.control, d.metric) for d in self.differences if d.disjoint and d.classifier == first
        }
        rows = []
        for classifier in self.classifiers:
            row = [classifier.name]
            for metric in metrics:
                star = " *" if (classifier.name, metric) in beaten else ""
                row.append(f"{self.score(classifier, metric)}{star}")
            chosen = (f"{name} {value:g}" for name, value in classifier.chosen.items())
            row.append(", ".join(chosen) + (" (edge)" if classifier.at_edge else ""))
            rows.append(row)
        titles = {"top1": "top-1", "top5": "top-5"}
        return ["classifier", *(titles[metric] for metric in metrics), "chosen"], rows


def print_classification(result: ClassificationResult, console: Console | None = None) -> None:
    """Print the accuracies with their intervals, and how they were measured."""
    console = console or Console()
    header, rows = result.table()
    table = Table(title=f"Accuracy, {result.classes} classes", title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if 0 < number < len(header) - 1 else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: brackets are no markup
    console.print(table)
    console.print(result.method, style="dim", markup=False)
