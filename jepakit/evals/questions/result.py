"""How many questions each entrant answered rightly: intervals, tables, a figure, files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.evals.figures.forest import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.figures.style import to_png
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.questions.asked import QuestionSet
from jepakit.evals.statistics import Counts, Interval, Resampling, Statistic

ALL = "all"
METHOD = (
    "Accuracy: share of test questions with exactly the right answer, mean over seeds. 95 % "
    "percentile bootstrap intervals over whole clips (or what they are grouped by), the same draws "
    "for all entrants; they say how far a score may move with other test clips, not with another "
    "training run. A star: the encoder is better on the same drawn clips, the whole interval of "
    "the difference lies above 0. All entrants have the same network, steps and early choice; "
    "nothing is corrected for the number of rows."
)


@dataclass(frozen=True)
class Answers:
    """Of one entrant on the test questions: 1 right, 0 wrong, a row per seed.

    Attributes:
        note: what the entrant is, in a sentence.
        right: by seed and question.
        facts: what each seed's training came to.
    """

    note: str
    right: Float[np.ndarray, "s q"]
    facts: tuple[Mapping[str, float], ...] = ()


@dataclass(frozen=True)
class AccuracyScore:
    """One entrant on one kind of questions.

    Attributes:
        kind: all, a question type or a family.
        entrant: who answered.
        interval: of the accuracy.
        by_seed: accuracy of each seed.
        behind: the encoder's accuracy minus this one's, on the same draws; None of the encoder.
    """

    kind: str
    entrant: str
    interval: Interval
    by_seed: tuple[float, ...]
    behind: Interval | None


@dataclass(frozen=True)
class CraftResult:
    """All scores, the encoder's first.

    Attributes:
        scores: by kind and entrant.
        questions: how many of each kind.
        notes: what each entrant is.
        facts: by entrant, what each seed's training came to.
        source: run, data and how questions were read, in words.
        warnings: what makes the numbers less than they seem.
        items: the encoder's answers, question by question.
    """

    scores: tuple[AccuracyScore, ...]
    questions: dict[str, int]
    notes: dict[str, str]
    facts: dict[str, tuple[Mapping[str, float], ...]]
    source: dict[str, str]
    warnings: tuple[str, ...]
    items: ItemScores

    @classmethod
    def of(
        cls,
        answers: Mapping[str, Answers],
        test: QuestionSet,
        source: Mapping[str, str],
        warnings: Sequence[str] = (),
        *,
        draws: int = 2000,
        seed: int = 0,
    ) -> CraftResult:
        """With bootstrap intervals over the scenes of the test questions.

        Args:
            answers: by entrant, the encoder's first.
            test: the questions that they answered.
            source: where everything came from.
            warnings: to be told beside the numbers.
            draws: of the bootstrap.
            seed: of the draws.

        Raises:
            ValueError: fewer than two scenes.
        """
        kinds, scenes, scores = rows_by_kind(test), test.scenes, []
        for kind, rows in kinds.items():
            if len(np.unique(scenes[rows])) > 1:
                rng = np.random.default_rng(seed)
                resampling = Resampling.of_groups(scenes[rows], draws=draws, rng=rng)
                scores += _scores(kind, answers, rows, resampling)
        if not scores:
            raise ValueError("Intervals need test questions about at least 2 clips.")
        first = next(iter(answers.values()))
        return cls(
            tuple(scores),
            {kind: len(rows) for kind, rows in kinds.items()},
            {name: entrant.note for name, entrant in answers.items()},
            {name: entrant.facts for name, entrant in answers.items()},
            dict(source),
            tuple(warnings),
            ItemScores.of("accuracy", test.items, scenes.tolist(), first.right.mean(axis=0)),
        )

    def score(self, kind: str, entrant: str) -> AccuracyScore:
        """One of the scores.

        Raises:
            KeyError: there is none such.
        """
        for score in self.scores:
            if (score.kind, score.entrant) == (kind, entrant):
                return score
        raise KeyError((kind, entrant))

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the accuracies."""
        rows = []
        for kind in dict.fromkeys(score.kind for score in self.scores):
            row = [kind, str(self.questions[kind])]
            for name in self.notes:
                score = self.score(kind, name)
                beaten = score.behind is not None and score.behind.low > 0
                row.append(f"{score.interval}{' *' * beaten}")
            rows.append(row)
        return ["questions", "number", *self.notes], rows

    def differences(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of what the encoder is ahead of each control."""
        first, *controls = self.notes
        rows = [
            [kind, *(str(self.score(kind, name).behind) for name in controls)]
            for kind in dict.fromkeys(score.kind for score in self.scores)
        ]
        return [f"{first} minus", *controls], rows

    def to_markdown(self) -> str:
        """Both tables, and how they were measured."""
        lines = ["# Questions about clips, answered from frozen features", ""]
        lines += [f"- {name}: {text}" for name, text in self.source.items()]
        lines += [f"- **note**: {text}" for text in self.warnings]
        for header, rows in (self.rows(), self.differences()):
            lines += ["", f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
            lines += [f"| {' | '.join(row)} |" for row in rows]
        lines += ["", METHOD, ""]
        lines += [f"- **{name}**: {note}" for name, note in self.notes.items()]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """Write craft.json, craft.md, craft.png and scores/craft.json into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"craft.{suffix}" for suffix in ("json", "md", "png")]
        content = asdict(self) | {"method": METHOD}
        del content["items"]
        files[0].write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
        files[1].write_text(self.to_markdown(), encoding="utf-8")
        files[2].write_bytes(to_png(forest_plot([self._panel()])))
        return [*files, self.items.write(folder / "scores" / "craft.json")]

    def _panel(self) -> ForestPanel:
        points = [
            ForestPoint(s.kind, s.entrant, s.interval.estimate, s.interval.low, s.interval.high)
            for name in self.notes
            for s in self.scores
            if s.entrant == name
        ]
        return ForestPanel("Accuracy on questions (higher is better)", points)


def rows_by_kind(test: QuestionSet) -> dict[str, np.ndarray]:
    """Numbers of all questions, of each type's, and of each family's that is part of a type."""
    families = [question.family for question in test.asked]
    found = {ALL: np.arange(len(test))}
    for names in (test.types, families):
        for name in sorted(set(names)):
            rows = np.flatnonzero(np.array(names) == name)
            if not any(np.array_equal(rows, other) for other in found.values()):
                found[name] = rows
    return found


def accuracy(right: Float[np.ndarray, " q"]) -> Statistic:
    """Share of right answers among the questions drawn."""
    return lambda counts: _share(counts, right)


def _share(counts: Counts, right: Float[np.ndarray, " q"]) -> Float[np.ndarray, " r"]:
    return counts @ right / counts.sum(axis=1)


def _scores(
    kind: str, answers: Mapping[str, Answers], rows: np.ndarray, resampling: Resampling
) -> list[AccuracyScore]:
    found = {
        name: resampling.distribution(accuracy(entrant.right[:, rows].mean(axis=0)))
        for name, entrant in answers.items()
    }
    first = next(iter(found))
    return [
        AccuracyScore(
            kind,
            name,
            own.interval(),
            tuple(answers[name].right[:, rows].mean(axis=1).tolist()),
            None if name == first else (found[first] - own).interval(),
        )
        for name, own in found.items()
    ]


def print_craft(result: CraftResult, console: Console | None = None) -> None:
    """Print the accuracies, warnings, and how they were measured."""
    console = console or Console()
    header, rows = result.rows()
    table = Table(title="Questions answered rightly (higher is better)", title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        # Text, not str: rich would read an interval's brackets as markup.
        table.add_row(*(Text(cell.replace(" [", "\n[")) for cell in row), end_section=True)
    console.print(table)
    for name, text in result.source.items():
        console.print(f"{name.capitalize()}: {text}.", style="dim", markup=False)
    for text in result.warnings:
        console.print(f"Note: {text}.", markup=False)
    console.print(METHOD, style="dim", markup=False)
