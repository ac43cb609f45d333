"""What probes of removals answered: scores with intervals, tables, a figure, files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.counted import counted
from jepakit.evals.figures.forest import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.figures.style import to_png
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.probes.linear_probe import Prediction
from jepakit.evals.probes.probe_items import mean_over_labels
from jepakit.evals.probes.probe_result import ProbeSettings, UndefinedLabel
from jepakit.evals.removals.removal_features import FEATURES, PLAIN
from jepakit.evals.removals.removal_questions import QUESTIONS
from jepakit.evals.scores import METRICS, Metric, auroc, r2
from jepakit.evals.statistics import Distribution, Interval, Resampling, average

MAJORITY = "majority / mean"
NAMES = (*FEATURES, MAJORITY)
FLOOR = -0.5  # an R² below is drawn as an arrow: how bad exactly tells nothing


@dataclass(frozen=True)
class FeatureScore:
    """One kind of features on one question.

    Attributes:
        features: which.
        interval: of the score, mean over seeds.
        gain: over the plain scene, on the same draws; None for the plain scene itself.
    """

    features: str
    interval: Interval
    gain: Interval | None


@dataclass(frozen=True)
class QuestionResult:
    """Everything measured on one question.

    ``items`` says of every test row what probes of the predicted removal are worth there.
    """

    question: str
    metric: Metric
    train_rows: int
    test_rows: int
    test_groups: int
    scores: tuple[FeatureScore, ...]
    items: ItemScores | None = field(default=None, repr=False, compare=False)

    def score(self, features: str) -> FeatureScore:
        """The score of one kind of features.

        Raises:
            KeyError: it was not asked this question.
        """
        for score in self.scores:
            if score.features == features:
                return score
        raise KeyError(features)


def question_result(
    question: str,
    predictions: Mapping[str, Sequence[Prediction]],
    truth: Float[np.ndarray, " tested"],
    resampling: Resampling,
    counts: tuple[int, int],
    settings: ProbeSettings,
    items: ItemScores | None = None,
) -> QuestionResult:
    """Score all predictions of one question on the same draws.

    Args:
        question: its name.
        predictions: by kind of features, one per seed.
        truth: the answers of the test rows.
        resampling: of their scenes.
        counts: rows to learn from and rows to be judged on.
        settings: how intervals are made.
        items: what probes of the predicted removal are worth on each test row.
    """
    metric: Metric = "auroc" if QUESTIONS[question].kind == "binary" else "r2"
    found: dict[str, Distribution] = {}
    for name, own in predictions.items():
        statistics = [
            auroc(truth == 1, p.score) if metric == "auroc" else r2(truth, p.score) for p in own
        ]
        found[name] = average([resampling.distribution(s, settings.method) for s in statistics])
    plain = found[PLAIN]
    scores = tuple(
        FeatureScore(
            name,
            found[name].interval(settings.confidence),
            None if name == PLAIN else (found[name] - plain).interval(settings.confidence),
        )
        for name in NAMES
        if name in found
    )
    return QuestionResult(question, metric, *counts, resampling.groups, scores, items)


@dataclass(frozen=True)
class InterventionResult:
    """All questions, and what they were asked on.

    Attributes:
        questions: what could be scored.
        undefined: what could not, and why.
        source: run and data, in words.
        settings: how it was measured.
    """

    questions: tuple[QuestionResult, ...]
    undefined: tuple[UndefinedLabel, ...]
    source: dict[str, str]
    settings: ProbeSettings

    def question(self, name: str) -> QuestionResult:
        """One of the questions.

        Raises:
            KeyError: it could not be scored.
        """
        for question in self.questions:
            if question.question == name:
                return question
        raise KeyError(name)

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows; a star where features clearly gain over the plain scene."""
        there = {score.features for question in self.questions for score in question.scores}
        names = [name for name in NAMES if name in there]
        rows = []
        for question in self.questions:
            row = [question.question, METRICS[question.metric].title, str(question.test_rows)]
            scores = {score.features: score for score in question.scores}
            for name in names:
                score = scores.get(name)
                better = score is not None and score.gain is not None and score.gain.low > 0
                row.append("" if score is None else f"{score.interval}{' *' * better}")
            rows.append(row)
        return ["question", "metric", "test rows", *names], rows

    def method_text(self) -> str:
        """One paragraph on splits, seeds and intervals."""
        s = self.settings
        return (
            f"Linear probes; scores are means over {counted(s.seeds, 'seed')} with "
            f"{s.confidence:.0%} {s.method} bootstrap intervals ({s.draws} draws of whole scenes, "
            "the same draws for all features). The regularisation was chosen on "
            f"{s.selection:.0%} of the training scenes. A star marks a gain over the "
            "plain scene whose interval lies above 0."
        )

    def to_markdown(self) -> str:
        """The table, what was left out, and how it was measured."""
        header, rows = self.rows()
        lines = ["# Probes of predicted removals", ""]
        if rows:
            lines += [f"| {' | '.join(header)} |", "|---|---|" + "---:|" * (len(header) - 2)]
            lines += [f"| {' | '.join(row)} |" for row in rows] + [""]
        lines += [f"- not scored: `{u.label}` ({u.kind}): {u.reason}" for u in self.undefined]
        lines += ["", self.method_text(), ""]
        asked = {name: question.text for name, question in QUESTIONS.items()}
        facts = FEATURES | asked | self.source
        return "\n".join(lines + [f"- **{name}**: {text}" for name, text in facts.items()]) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """Write interventions.json, .md and, where anything was scored, .png and scores/.

        ``scores/interventions_QUESTION.json`` says what probes of the predicted removal ("full -
        residual") are worth on each row, ``scores/interventions.json`` the mean balanced accuracy
        of the yes-or-no questions.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"interventions.{suffix}" for suffix in ("json", "md", "png")]
        content = asdict(self) | {
            "features": FEATURES,
            "asked": {name: asdict(question) for name, question in QUESTIONS.items()},
        }
        for question in content["questions"]:
            del question["items"]
        files[0].write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
        files[1].write_text(self.to_markdown(), encoding="utf-8")
        if not self.questions:
            return files[:2]
        files[2].write_bytes(to_png(forest_plot(self._panels())))
        for name, scores in self._items().items():
            files.append(scores.write(folder / "scores" / f"{name}.json"))
        return files

    def _items(self) -> dict[str, ItemScores]:
        known = {q.question: q.items for q in self.questions if q.items is not None}
        found = {f"interventions_{name}": items for name, items in known.items()}
        binary = {name: items for name, items in known.items() if QUESTIONS[name].kind == "binary"}
        return found | ({"interventions": mean_over_labels(binary)} if binary else {})

    def _panels(self) -> list[ForestPanel]:
        panels = []
        for metric in ("auroc", "r2"):
            points = [
                ForestPoint(
                    question.question,
                    score.features,
                    score.interval.estimate,
                    score.interval.low,
                    score.interval.high,
                )
                for question in self.questions
                for score in question.scores
                if question.metric == metric
            ]
            facts, floor = METRICS[metric], FLOOR if metric == "r2" else None
            panels.append(ForestPanel(facts.title, points, chance=facts.chance, floor=floor))
        return panels


def print_interventions(result: InterventionResult, console: Console | None = None) -> None:
    """Print the table, what was left out, and how it was measured."""
    console = console or Console()
    header, rows = result.rows()
    table = Table(title="Probes of predicted removals (higher is better)", title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number > 1 else "left")
    for row in rows:
        # Text, not str: rich would read an interval's brackets as markup.
        table.add_row(*(Text(cell.replace(" [", "\n[")) for cell in row), end_section=True)
    console.print(table)
    for label in result.undefined:
        console.print(f"Not scored: {label.label} ({label.kind}): {label.reason}", markup=False)
    for name, text in (FEATURES | result.source).items():
        console.print(f"{name.capitalize()}: {text}.", style="dim", markup=False)
    console.print(result.method_text(), style="dim", markup=False)
