"""What was found out about causal fidelity: values with intervals, tables, a figure, files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.evals.figures.forest import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.figures.style import to_png
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.rank_correlation import spearman
from jepakit.evals.removals.fidelity_pairs import (
    CHANGE,
    DESCENDANTS,
    FidelityPairs,
    auroc_within,
    removal_items,
)
from jepakit.evals.removals.removal_truth import CHANGED
from jepakit.evals.scores import auroc
from jepakit.evals.statistics import Distribution, Interval, Resampling, Statistic, average

TRAINED, UNTRAINED = "predicted residual", "untrained"
TRUE_CHANGE = "true latent change"
ATTENTION, GRADIENT = "attention", "gradient influence"
NEARNESS, MOTION, SIZE = "nearness", "motion", "size"
SCORERS = {
    TRAINED: "norm of the predicted residual, mean over an object's visible tokens weighted by "
    "coverage",
    UNTRAINED: "the same of untrained twins, mean over their weights' draws",
    ATTENTION: "attention of the target encoder from the object's tokens to the removed one's, "
    "mean over heads and blocks",
    GRADIENT: "norm of the derivative of the object's mean latent by the removed one's embedded "
    "tokens, target encoder",
    NEARNESS: "minus the smallest gap between the two objects in any frame, pixels",
    MOTION: "how much the object moves in the clip, whatever is removed",
    SIZE: "pixels of the object, whatever is removed",
    TRUE_CHANGE: "norm of the target encoder's latents of the clip minus the re-simulation, which "
    "no prediction can beat by much",
}
CORRELATION = "Spearman, true latent change"
SCORE_FILES = {DESCENDANTS: "fidelity.json", CHANGE: "fidelity_change.json"}
TRUTHS = {
    DESCENDANTS: "objects that contacts (of both simulations) or joints connect to the removed one "
    "while the clip lasts",
    CHANGE: f"objects of which more than {CHANGED:.0%} of the pixels are elsewhere in the "
    "re-simulation, what the removed one covered left aside",
}


@dataclass(frozen=True)
class FidelityValue:
    """One scorer by one metric.

    Attributes:
        scorer: whose score.
        metric: see :attr:`FidelityResult.metrics`.
        interval: of the score.
        behind: predicted residual minus this one, on the same draws; None for itself.
        disjoint: whether the predicted residual's interval lies above this one's.
    """

    scorer: str
    metric: str
    interval: Interval
    behind: Interval | None
    disjoint: bool


@dataclass(frozen=True)
class FidelityResult:
    """All values, and what they were measured on.

    Attributes:
        values: by scorer and metric.
        source: run, data and counts, in words.
        items: AUROC of the predicted residual within each removal, by kind of truth.
    """

    values: tuple[FidelityValue, ...]
    source: dict[str, str]
    items: dict[str, ItemScores] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, pairs: FidelityPairs, source: Mapping[str, str], *, draws: int = 2000, seed: int = 0
    ) -> FidelityResult:
        """With bootstrap intervals over scenes; all values share their draws.

        Raises:
            ValueError: no pairs, fewer than two scenes, or a truth that is the same for all pairs.
        """
        _check(pairs)
        resampling = Resampling.of_groups(
            pairs.groups, draws=draws, rng=np.random.default_rng(seed)
        )
        values: list[FidelityValue] = []
        for metric in _metrics(pairs):
            by_scorer = _distributions(metric, pairs, resampling)
            own = by_scorer[TRAINED]
            for name, other in by_scorer.items():
                interval = other.interval()
                behind = None if name == TRAINED else (own - other).interval()
                disjoint = name != TRAINED and own.interval().low > interval.high
                values.append(FidelityValue(name, metric, interval, behind, disjoint))
        found = {truth: removal_items(pairs, truth, TRAINED) for truth in pairs.truth}
        items = {truth: scores for truth, scores in found.items() if scores is not None}
        return cls(tuple(values), dict(source) | _counts(pairs, resampling), items)

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, in order."""
        return list(dict.fromkeys(value.metric for value in self.values))

    @property
    def scorers(self) -> list[str]:
        """Names of the scorers, in order."""
        there = {value.scorer for value in self.values}
        return [name for name in SCORERS if name in there]

    def value(self, scorer: str, metric: str) -> FidelityValue:
        """One of the values.

        Raises:
            KeyError: there is no such value.
        """
        for value in self.values:
            if (value.scorer, value.metric) == (scorer, metric):
                return value
        raise KeyError((scorer, metric))

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of a table; a star where the predicted residual is clearly better."""
        rows = []
        for scorer in self.scorers:
            row = [scorer]
            for metric in self.metrics:
                known = (scorer, metric) in {(v.scorer, v.metric) for v in self.values}
                value = self.value(scorer, metric) if known else None
                row.append("" if value is None else f"{value.interval}{' *' * value.disjoint}")
            rows.append(row)
        return ["ranked by", *self.metrics], rows

    def to_markdown(self) -> str:
        """The table and how it was measured."""
        header, rows = self.rows()
        lines = ["# Causal fidelity", "", f"| {' | '.join(header)} |"]
        lines += ["|---|" + "---:|" * (len(header) - 1)]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines += ["", METHOD, ""]
        facts = {name: SCORERS[name] for name in self.scorers} | TRUTHS | self.source
        return "\n".join(lines + [f"- **{name}**: {text}" for name, text in facts.items()]) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """Write fidelity.json, fidelity.md, fidelity.png and scores/ into ``folder``.

        ``scores/fidelity.json`` is by descendants, ``scores/fidelity_change.json`` by what visibly
        changes.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"fidelity.{suffix}" for suffix in ("json", "md", "png")]
        content = {
            "source": self.source,
            "scorers": SCORERS,
            "truths": TRUTHS,
            "method": METHOD,
            "values": [asdict(value) for value in self.values],
        }
        files[0].write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
        files[1].write_text(self.to_markdown(), encoding="utf-8")
        files[2].write_bytes(to_png(forest_plot(self._panels())))
        for truth, scores in self.items.items():
            files.append(scores.write(folder / "scores" / SCORE_FILES[truth]))
        return files

    def _panels(self) -> list[ForestPanel]:
        wanted = {True: "AUROC", False: "Rank correlation"}
        panels = []
        for ranked, title in wanted.items():
            points = [
                ForestPoint(
                    v.metric, v.scorer, v.interval.estimate, v.interval.low, v.interval.high
                )
                for name in self.scorers
                for v in self.values
                if v.scorer == name and (v.metric != CORRELATION) == ranked
            ]
            panels.append(ForestPanel(title, points, chance=0.5 if ranked else 0.0))
        return panels


METHOD = (
    "For each removed object every other object is scored. AUROC: chance that an object that is "
    "truly reached scores above one that is not, over all pairs (pooled), or among the objects of "
    "one removal, mean over removals that reach some but not all (within). Spearman: correlation "
    "over all pairs with the true latent change. 95 % percentile bootstrap intervals over scenes, "
    "the same draws for all. A star: the interval lies entirely below the predicted residual's."
)


def print_fidelity(result: FidelityResult, console: Console | None = None) -> None:
    """Print the table, and how it was measured."""
    console = console or Console()
    header, rows = result.rows()
    table = Table(title="Causal fidelity (higher is better)", title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        # Text, not str: rich would read an interval's brackets as markup.
        table.add_row(*(Text(cell.replace(" [", "\n[")) for cell in row), end_section=True)
    console.print(table)
    for name, text in (TRUTHS | result.source).items():
        console.print(f"{name.capitalize()}: {text}.", style="dim", markup=False)
    console.print(METHOD, style="dim", markup=False)


def _metrics(pairs: FidelityPairs) -> list[str]:
    found = [f"{truth}, {way}" for truth in pairs.truth for way in ("pooled", "within")]
    return [*found, CORRELATION]


def _statistic(metric: str, pairs: FidelityPairs, scorer: str) -> Statistic:
    score = pairs.scores[scorer]
    if metric == CORRELATION:
        return spearman(score, pairs.scores[TRUE_CHANGE])
    truth, way = metric.rsplit(", ", 1)
    if way == "pooled":
        return auroc(pairs.truth[truth], score)
    return auroc_within(pairs.truth[truth], score, pairs.removals)


def _distributions(
    metric: str, pairs: FidelityPairs, resampling: Resampling
) -> dict[str, Distribution]:
    """By scorer; untrained twins are averaged."""
    found: dict[str, Distribution] = {}
    for name in SCORERS:
        if metric == CORRELATION and name == TRUE_CHANGE:
            continue
        own = [s for s in pairs.scores if s == name or (name == UNTRAINED and s.startswith(name))]
        if own:
            found[name] = average(
                [resampling.distribution(_statistic(metric, pairs, scorer)) for scorer in own]
            )
    return found


def _counts(pairs: FidelityPairs, resampling: Resampling) -> dict[str, str]:
    reached = ", ".join(f"{name} {values.mean():.1%}" for name, values in pairs.truth.items())
    told = "joints and both contact logs" if pairs.complete else "the stored contact logs alone"
    return {
        "pairs": f"{len(pairs)} of {pairs.removals.max() + 1} removals in {resampling.groups} "
        f"scenes, {pairs.left_out} more without a visible token",
        "reached": reached,
        "descendants told by": told if DESCENDANTS in pairs.truth else "nothing: no contact log",
    }


def _check(pairs: FidelityPairs) -> None:
    if not len(pairs):
        raise ValueError(
            "No pair of objects to rank: every clip shows at most one object, or removing one "
            "leaves nothing to see."
        )
    for name, values in pairs.truth.items():
        if values.all() or not values.any():
            raise ValueError(
                f"The truth '{name}' is {bool(values[0])} for all {len(values)} pairs, so nothing "
                "can be ranked: use clips in which a removal reaches some objects and not others."
            )
