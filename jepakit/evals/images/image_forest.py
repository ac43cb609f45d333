"""The picture of image probes: accuracies with their intervals, readout by readout."""

from __future__ import annotations

from matplotlib.figure import Figure

from jepakit.evals.figures.forest import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.images.image_result import ACCURACIES, ImageResult


def image_forest(result: ImageResult) -> Figure:
    """A panel per accuracy; chance is dashed."""
    panels = []
    for number, (accuracy, title) in enumerate(ACCURACIES.items()):
        points = []
        for score in result.scores:
            interval = getattr(score, accuracy)
            if interval is not None and not score.detail:
                points.append(
                    ForestPoint(
                        score.readout,
                        score.entrant,
                        interval.estimate,
                        interval.low,
                        interval.high,
                    )
                )
        chance = (1, 5)[number] / result.classes
        panels.append(ForestPanel(f"{title} (higher is better)", points, chance=chance))
    return forest_plot(panels)
