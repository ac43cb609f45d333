"""How far every entrant was off: intervals, a table for each task, a figure, files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.evals.cophy.baselines import COPY_B, COPY_C, COPY_MOTION, TRUE, TYPICAL
from jepakit.evals.figures.forest import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.figures.style import to_png
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.statistics import Counts, Interval, Resampling, Statistic

TRAINED, UNTRAINED, PIXELS, NO_CLIP = "encoder", "random init", "pixels", "no clip"
METRIC = "mse"
NOTES = {
    f"{TRAINED}, fine-tuned": "the run's encoder and the head trained on together, from the frozen "
    "result on",
    f"{UNTRAINED}, fine-tuned": "the same with the untrained network",
    TRAINED: "a head on the run's frozen encoder: it sees ab and the first frame of cd, and knows "
    "where each object is in that frame",
    UNTRAINED: "the same head on the untrained network",
    PIXELS: "the same head on the pixels of each token, patches shrunk to 4 x 4",
    NO_CLIP: "the same head without any token: starts and colours alone",
    COPY_B: "the outcome of ab (true positions)",
    COPY_C: "the start of cd, held",
    COPY_MOTION: "the start of cd, moved on as the object moved in ab (true positions)",
    TYPICAL: "cd simulated with the mean confounders, all else known exactly",
    TRUE: "cd simulated again with the true confounders: the floor",
}
METHOD = (
    "Squared error of positions in m^2, mean over coordinates, objects present in cd and all "
    "frames but the first, then over pairs (CoPhy's metric; positions in m). 95 % percentile "
    "bootstrap intervals over pairs, the same draws for all; a star: the first entrant is better, "
    "the whole interval of the difference lies below 0. All learned entrants have the same head, "
    "steps and choice of the best moment on a fifth of the training pairs; with tokens it first "
    "learns to see where objects are in ab, from positions and, where given, masks."
)


@dataclass(frozen=True)
class CophyScore:
    """One entrant on one task.

    Attributes:
        task: whose pairs.
        entrant: who predicted.
        interval: of the mean squared error, m^2.
        ahead: the first entrant's error minus this one's on the same draws; None for itself.
    """

    task: str
    entrant: str
    interval: Interval
    ahead: Interval | None


@dataclass(frozen=True)
class CophyResult:
    """All scores, and the first entrant's error on every pair.

    Attributes:
        scores: by task and entrant.
        mode: frozen or finetune.
        source: run, data and training, in words.
        items: errors of the first entrant, by task.
    """

    scores: tuple[CophyScore, ...]
    mode: str
    source: dict[str, str]
    items: dict[str, ItemScores]

    @classmethod
    def of(
        cls,
        errors: Mapping[str, Mapping[str, Float[np.ndarray, " s"]]],
        names: Mapping[str, tuple[str, ...]],
        source: Mapping[str, str],
        *,
        mode: str = "frozen",
        draws: int = 2000,
        seed: int = 0,
    ) -> CophyResult:
        """With bootstrap intervals over pairs.

        Args:
            errors: of each pair by task and entrant, the one that is compared first.
            names: of the pairs, by task.
            source: where everything came from.
            mode: frozen or finetune.
            draws: of the bootstrap.
            seed: of the draws.

        Raises:
            ValueError: fewer than two pairs of a task.
        """
        scores: list[CophyScore] = []
        items = {}
        for task, found in errors.items():
            rng = np.random.default_rng(seed)
            resampling = Resampling.of_groups(list(names[task]), draws=draws, rng=rng)
            drawn = {name: resampling.distribution(_mean(rows)) for name, rows in found.items()}
            first, own = next(iter(drawn.items()))
            for name, other in drawn.items():
                ahead = None if name == first else (own - other).interval()
                scores.append(CophyScore(task, name, other.interval(), ahead))
            items[task] = ItemScores.of(
                METRIC, names[task], names[task], found[first], higher_is_better=False
            )
        return cls(tuple(scores), mode, dict(source), items)

    def score(self, task: str, entrant: str) -> CophyScore:
        """One of the scores.

        Raises:
            KeyError: there is none such.
        """
        for score in self.scores:
            if (score.task, score.entrant) == (task, entrant):
                return score
        raise KeyError((task, entrant))

    def rows(self, task: str) -> tuple[list[str], list[list[str]]]:
        """Header and rows of a task's table."""
        found = [score for score in self.scores if score.task == task]
        rows = []
        for score in found:
            better = score.ahead is not None and score.ahead.high < 0
            ahead = "" if score.ahead is None else f"{score.ahead}{' *' * better}"
            rows.append([score.entrant, str(score.interval), ahead])
        return ["prediction", "MSE, m^2", f"{found[0].entrant} minus this"], rows

    def to_markdown(self) -> str:
        """The tables, and how they were measured."""
        lines = ["# CoPhy: counterfactual prediction (lower is better)", ""]
        lines += [f"- {name}: {text}" for name, text in self.source.items()]
        for task in self.items:
            header, rows = self.rows(task)
            lines += ["", f"## {task.capitalize()} ({len(self.items[task].items)} pairs)", ""]
            lines += [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
            lines += [f"| {' | '.join(row)} |" for row in rows]
        there = {score.entrant for score in self.scores}
        lines += ["", METHOD, ""]
        lines += [f"- **{name}**: {note}" for name, note in NOTES.items() if name in there]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """Write cophy.json, cophy.md, cophy.png and scores/cophy_TASK.json into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"cophy.{suffix}" for suffix in ("json", "md", "png")]
        content = {
            "source": self.source,
            "mode": self.mode,
            "method": METHOD,
            "notes": NOTES,
            "scores": [asdict(score) for score in self.scores],
        }
        files[0].write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
        files[1].write_text(self.to_markdown(), encoding="utf-8")
        files[2].write_bytes(to_png(forest_plot(self._panels())))
        for task, items in self.items.items():
            files.append(items.write(folder / "scores" / f"cophy_{task}.json"))
        return files

    def _panels(self) -> list[ForestPanel]:
        return [
            ForestPanel(
                f"MSE, m² ({task}, lower is better)",
                [
                    ForestPoint(
                        s.task, s.entrant, s.interval.estimate, s.interval.low, s.interval.high
                    )
                    for s in self.scores
                    if s.task == task
                ],
            )
            for task in self.items
        ]


def _mean(values: Float[np.ndarray, " s"]) -> Statistic:
    def statistic(counts: Counts) -> np.ndarray:
        return (counts @ values) / counts.sum(axis=1)

    return statistic


def print_cophy(result: CophyResult, console: Console | None = None) -> None:
    """Print a table for each task, and how it was measured."""
    console = console or Console()
    for task in result.items:
        header, rows = result.rows(task)
        table = Table(title=f"CoPhy, {task} (lower is better)", title_justify="left")
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            # Text, not str: rich would read an interval's brackets as markup.
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
    told = "; ".join(f"{name}: {text}" for name, text in result.source.items())
    console.print(f"{METHOD} {told}.", style="dim", markup=False)
