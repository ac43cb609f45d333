"""What was found out about a world model's predictions: intervals, a table, a figure, a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.evals.figures.prediction import prediction_figure
from jepakit.evals.figures.style import to_png
from jepakit.evals.planning.prediction_quality import PREDICTORS, PredictionScores
from jepakit.evals.statistics import Counts, Interval, Resampling, Statistic

COSINE, ERROR = "cosine similarity", "normalised error"
METRICS = {COSINE: "higher is better", ERROR: "lower is better"}
DEFINITIONS = {
    COSINE: "of predicted and real latents, mean over the latents of a frame and over windows",
    ERROR: "sum over windows of ||z_hat - z||^2 over the sum of ||z - m||^2, where m are the mean "
    "latents of the predicted real frames, one per place in the frame; the mean latent gets 1",
}


@dataclass(frozen=True)
class PredictionValue:
    """One metric of one predictor some steps ahead, with its interval."""

    predictor: str
    step: int
    metric: str
    interval: Interval


@dataclass(frozen=True)
class PredictionResult:
    """All values, and what they were measured on.

    Attributes:
        values: by metric, predictor and step.
        source: run, data and windows, in words.
    """

    values: tuple[PredictionValue, ...]
    source: dict[str, str]

    @classmethod
    def of(
        cls,
        scores: PredictionScores,
        source: dict[str, str],
        *,
        draws: int = 2000,
        seed: int = 0,
    ) -> PredictionResult:
        """With bootstrap intervals over episodes; all values share their draws.

        Args:
            scores: of each window.
            source: see above.
            draws: of the bootstrap.
            seed: of the draws.

        Raises:
            ValueError: fewer than two episodes, no draws, or real latents that are all one.
        """
        if not scores.spread.any():
            raise ValueError(
                "The latents of all predicted frames are the same: the model has collapsed, or "
                "nothing moves in these episodes."
            )
        rng = np.random.default_rng(seed)
        resampling = Resampling.of_groups(scores.episodes, draws=draws, rng=rng)
        values = [
            PredictionValue(predictor, step, metric, resampling.distribution(statistic).interval())
            for predictor in PREDICTORS
            for column, step in enumerate(scores.steps)
            for metric, statistic in _statistics(scores, predictor, column).items()
        ]
        return cls(tuple(values), source)

    @property
    def steps(self) -> list[int]:
        """How far ahead, ascending."""
        return sorted({value.step for value in self.values})

    def value(self, predictor: str, step: int, metric: str) -> Interval:
        """One of the values.

        Raises:
            KeyError: there is no such value.
        """
        for value in self.values:
            if (value.predictor, value.step, value.metric) == (predictor, step, metric):
                return value.interval
        raise KeyError((predictor, step, metric))

    def rows(self, metric: str) -> tuple[list[str], list[list[str]]]:
        """Header and rows of a table: a row per predictor, a column per number of steps."""
        header = ["prediction", *(f"{k} step{'s' if k > 1 else ''}" for k in self.steps)]
        rows = [
            [name, *(str(self.value(name, step, metric)) for step in self.steps)]
            for name in PREDICTORS
        ]
        return header, rows

    def write(self, folder: Path) -> list[Path]:
        """Write prediction.json and prediction.png into an existing folder."""
        files = [folder / "prediction.json", folder / "prediction.png"]
        content = {
            "source": self.source,
            "definitions": DEFINITIONS,
            "interval": "bootstrap over episodes, percentile",
            "values": [asdict(value) for value in self.values],
        }
        files[0].write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
        curves = {
            metric: {
                name: [self.value(name, step, metric) for step in self.steps] for name in PREDICTORS
            }
            for metric in METRICS
        }
        files[1].write_bytes(to_png(prediction_figure(curves, self.steps)))
        return files


def print_prediction(result: PredictionResult, console: Console | None = None) -> None:
    """Print a table for each metric, and how the metrics are defined."""
    console = console or Console()
    for metric, direction in METRICS.items():
        header, rows = result.rows(metric)
        title = f"{metric.capitalize()} ({direction})"
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            # Text, not str: rich would read an interval's brackets as markup.
            table.add_row(*(Text(cell.replace(" [", "\n[")) for cell in row), end_section=True)
        console.print(table)
        console.print(f"{metric.capitalize()}: {DEFINITIONS[metric]}.", style="dim", markup=False)
    told = "; ".join(f"{name}: {text}" for name, text in result.source.items())
    console.print(f"{told}. Intervals: bootstrap over episodes, 95 %.", style="dim", markup=False)


def _statistics(scores: PredictionScores, predictor: str, column: int) -> dict[str, Statistic]:
    cosine = scores.cosine[predictor][:, column]
    square, spread = scores.square[predictor][:, column], scores.spread[:, column]

    def mean_cosine(counts: Counts) -> np.ndarray:
        return (counts @ cosine) / counts.sum(axis=1)

    def error(counts: Counts) -> np.ndarray:
        return _ratio(counts @ square, counts @ spread)

    return {COSINE: mean_cosine, ERROR: error}


def _ratio(square: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Undefined where all latents are one, as in a collapsed model."""
    undefined = np.full_like(square, np.nan)
    return np.divide(square, spread, out=undefined, where=spread > 0)
