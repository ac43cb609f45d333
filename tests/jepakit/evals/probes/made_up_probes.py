"""A probe suite's result with made-up numbers."""

from jepakit.evals.probes.probe_result import (
    Difference,
    LabelResult,
    ProbeResult,
    ProbeSettings,
    Score,
    UndefinedLabel,
)
from jepakit.evals.statistics import Interval


def probe_result(scored=True):
    """One label, scored for the encoder and the pixels, and one that could not be."""
    scores = tuple(
        Score(name, "auroc", Interval(level, level - 0.05, level + 0.05), (level,), (0.1,))
        for name, level in (("encoder", 0.8), ("pixels", 0.6))
    )
    gap = Difference("pixels", "auroc", Interval(0.2, 0.1, 0.3), better=True, disjoint=True)
    label = LabelResult("solved", "binary", 100, 50, 9, 0.4, scores, (gap,))
    return ProbeResult(
        labels=(label,) if scored else (),
        undefined=(UndefinedLabel("rare", "binary", "3 positive clips"),),
        notes={"encoder": "the one", "pixels": "small"},
        source={"run": "demo"},
        settings=ProbeSettings(),
    )
