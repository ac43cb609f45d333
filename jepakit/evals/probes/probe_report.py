"""A probe suite as parts of a report: the forest plot, the tables and the method."""

from __future__ import annotations

import re

from matplotlib.figure import Figure as Drawing

from jepakit.evals.figures.forest import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.pages.report import Figure, Part, Table, Text
from jepakit.evals.probes.probe_result import ProbeResult
from jepakit.evals.scores import METRICS, Metric

FLOOR = -0.5  # an R² below is drawn as an arrow: how bad exactly tells nothing


def probe_forest(result: ProbeResult, metrics: tuple[Metric, ...] = ("auroc", "r2")) -> Drawing:
    """The forest plot of a suite, a panel per metric.

    Raises:
        ValueError: no label could be scored.
    """
    panels = []
    for metric in metrics:
        facts = METRICS[metric]
        points = [
            ForestPoint(
                label.label,
                score.features,
                score.interval.estimate,
                score.interval.low,
                score.interval.high,
            )
            for label in result.labels
            for score in label.scores
            if score.metric == metric
        ]
        direction = "higher" if facts.higher_is_better else "lower"
        title = f"{facts.title} ({direction} is better)"
        floor = FLOOR if metric == "r2" else None
        panels.append(ForestPanel(title, points, chance=facts.chance, floor=floor))
    return forest_plot(panels)


def probe_parts(result: ProbeResult) -> list[Part]:
    """What a report says of a suite."""
    parts: list[Part] = []
    confidence = f"{result.settings.confidence:.0%}"
    if result.labels:
        parts.append(
            Figure(
                probe_forest(result),
                alt="Probe scores with intervals for every label and kind of features",
                caption=f"Frozen features, linear probes, {confidence} intervals over test tasks. "
                "Dashed: chance.",
            )
        )
    for metric, facts in METRICS.items():
        header, rows = result.table(metric)
        if rows:
            direction = "higher" if facts.higher_is_better else "lower"
            caption = f"{facts.title}, {direction} is better, with {confidence} interval."
            parts.append(Table(header, [_stacked(row) for row in rows], caption, strong=(2,)))
    if result.undefined:
        rows = [[u.label, u.kind, u.reason] for u in result.undefined]
        parts.append(Table(["label", "kind", "why it was not scored"], rows))
    parts.append(Text(result.method_text()))
    notes = [[name, note] for name, note in result.notes.items()]
    parts.append(Table(["features", "what they are"], notes))
    return parts


def _stacked(row: list[str]) -> list[str]:
    """Intervals below their estimates: ``0.8 [0.7, 0.9] *`` to ``0.8 *`` over ``[0.7, 0.9]``."""
    return [re.sub(r"(\S+) (\[.*\])( \*)?$", r"\1\3\n\2", cell) for cell in row]
