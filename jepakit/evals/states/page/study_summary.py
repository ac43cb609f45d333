"""A study in one row, as in the paper's Tables 2 and 3."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jepakit.evals.states.page.layer_names import short_name
from jepakit.evals.states.page.ratio_text import readable_ratio
from jepakit.evals.states.probes.state_subspaces import Method
from jepakit.evals.states.result import EffectRow, SparseLayer, StudyResult
from jepakit.evals.statistics import Interval

ONSET = 0.85
"""Accuracy at the onset layer. The paper states none; its onsets, block 14 of the proxy with 0.888
and block 4 of V-JEPA 2 with 0.96 after 0.838 at block 0, fit one between 0.838 and 0.888."""


@dataclass(frozen=True)
class Carried:
    """Mean alignment and retained effect of some methods over layers.

    Attributes:
        alignment: SAS.
        retained: RCE over the rows where it is defined; None where it is nowhere.
        defined: number of those rows.
        rows: number of all.
    """

    alignment: float
    retained: float | None
    defined: int
    rows: int

    def retained_text(self) -> str:
        """``0.993``, with how many rows it comes from where some are undefined."""
        if self.retained is None:
            return "undefined"
        few = f" ({self.defined} of {self.rows})" if self.defined < self.rows else ""
        return f"{self.retained:.3f}{few}"


@dataclass(frozen=True)
class Summary:
    """What the rows show."""

    best_accuracy: float
    best_layers: str
    onset: str
    used: SparseLayer | None
    effect: Interval | None
    random: Interval | None
    early: Interval | None
    ratio: str
    success: Interval | None
    carried: Carried | None


def summary_of(result: StudyResult) -> Summary:
    """One study."""
    mean = result.accuracy.mean(axis=1)
    places = np.flatnonzero(mean >= mean.max() - 1e-12)
    best = [short_name(result.layers[i]) for i in places]
    gaps = "" if len(places) == 1 + places[-1] - places[0] else f", {len(places)} layers"
    reached = np.flatnonzero(mean >= ONSET - 1e-12)
    onset = f"not reached ({ONSET:g})"
    if len(reached):
        onset = f"{short_name(result.layers[reached[0]])} ({mean[reached[0]]:.1%})"
    rows = {row.name: row for row in result.rows}
    random = rows.get("random")
    return Summary(
        best_accuracy=float(mean.max()),
        best_layers=best[0] if len(best) == 1 else f"{best[0]} to {best[-1]}{gaps}",
        onset=onset,
        used=_sparsest(result),
        effect=_effect(rows.get("causal")),
        random=_effect(random),
        early=_effect(rows.get("early")),
        ratio="" if random is None else readable_ratio(random.ratio),
        success=result.success.get("causal"),
        carried=carried(result, "pca"),
    )


def carried(result: StudyResult, *methods: Method) -> Carried | None:
    """Means over all layers of these methods; None where there are none."""
    rows = [row.found for row in result.portable if row.method in methods]
    if not rows:
        return None
    kept = [row.retained.value for row in rows if row.retained.value is not None]
    alignment = float(np.mean([row.alignment.mean() for row in rows]))
    return Carried(alignment, float(np.mean(kept)) if kept else None, len(kept), len(rows))


def _effect(row: EffectRow | None) -> Interval | None:
    return None if row is None else row.effect


def _sparsest(result: StudyResult) -> SparseLayer | None:
    """The fewest dimensions among the layers within one standard error of the best."""
    if not result.sparse:
        return None
    best = max(result.sparse, key=lambda one: one.accuracy)
    bar = best.accuracy - best.standard_error
    return min((one for one in result.sparse if one.accuracy >= bar), key=lambda one: one.used)
