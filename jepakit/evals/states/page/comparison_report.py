"""Several studies side by side, and as rows of the paper's Tables 2 and 3."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure as Drawing

from jepakit.evals.figures.forest import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.pages.report import Figure, Part, Section, Text
from jepakit.evals.pages.report_files import write_page
from jepakit.evals.states.page.accuracy_figure import accuracy_comparison
from jepakit.evals.states.page.comparison_tables import (
    carried_table,
    effects_by_study,
    facts_by_study,
    paper_table_2,
    paper_table_3,
)
from jepakit.evals.states.page.effect_figures import TITLES
from jepakit.evals.states.page.paper_values import PAPER, STUDIES
from jepakit.evals.states.page.ratio_text import RATIO_NOTE
from jepakit.evals.states.page.report import caveats_at
from jepakit.evals.states.result import StudyResult
from jepakit.evals.states.study_json import FORMAT, study_content
from jepakit.evals.strict_json import write_json

NAME = "states_comparison"
PLACES = ("study", "effects", "portability")


def write_comparison(
    results: Mapping[str, StudyResult],
    folder: Path,
    *,
    extra: Sequence[Section] = (),
    command: str = "",
) -> list[Path]:
    """Write ``states_comparison.json``, ``.md``, ``.html`` and the figures as PNG.

    Say a trained encoder beside its random-init twin, or ``crossfit`` beside ``paper``.

    Args:
        results: studies by the name of their column, the one of interest first.
        folder: made where it is not there.
        extra: further sections.
        command: that made it, for the footer.

    Raises:
        ValueError: there is no study.
    """
    if not results:
        raise ValueError("A comparison needs at least one study.")
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "format": f"{FORMAT}+comparison",
        "studies": {name: study_content(one) for name, one in results.items()},
        "paper": {key: dataclasses.asdict(one) for key, one in STUDIES.items()},
    }
    drawings = comparison_figures(results)
    sections = [*comparison_sections(results, drawings), *extra]
    paths = [write_json(content, folder / f"{NAME}.json")]
    lede = f"Side by side: {', '.join(results)}."
    title = "Causal state variables, compared"
    return paths + write_page(folder, NAME, title, lede, sections, drawings, command)


def comparison_figures(results: Mapping[str, StudyResult]) -> dict[str, Drawing]:
    """Accuracy curves in one figure, and effects of every intervention."""
    drawings = {"accuracy": accuracy_comparison(results)}
    points = [
        ForestPoint(
            TITLES.get(row.name, row.name),
            name,
            row.effect.estimate,
            row.effect.low,
            row.effect.high,
        )
        for name, result in results.items()
        for row in result.rows
        if row.effect is not None
    ]
    if points:
        title = "Causal effect: fall of the true class's probability"
        drawings["effects"] = forest_plot([ForestPanel(title, points, chance=0.0)])
    return drawings


def comparison_sections(
    results: Mapping[str, StudyResult], drawings: Mapping[str, Drawing]
) -> list[Section]:
    """The page in reading order."""
    curves = Figure(
        drawings["accuracy"],
        alt="Held-out accuracy of dense probes by layer, a curve per study",
        caption="Bands: one standard error over folds.",
    )
    parts: list[Part] = [facts_by_study(results), *_notes("study", results)]
    sections = [
        Section("What was studied", parts),
        Section("Where it can be read", [curves]),
        Section("What removing it does", _effects(results, drawings)),
    ]
    if any(result.portable for result in results.values()):
        parts = [*_notes("portability", results), carried_table(results)]
        sections.append(Section("Whether it carries over", parts))
    return [*sections, Section("Beside the paper's Table 2", _table_2(results)), _table_3(results)]


def _effects(results: Mapping[str, StudyResult], drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = [*_notes("effects", results), effects_by_study(results), Text(RATIO_NOTE)]
    for name, result in results.items():
        for row in result.rows:
            if row.effect is None:
                title = TITLES.get(row.name, row.name)
                parts.append(Text(f"Not possible, {name}, {title}: {row.impossible}."))
    if "effects" in drawings:
        alt = "Causal effects by intervention, a mark per study"
        parts.append(Figure(drawings["effects"], alt=alt, caption="Bars: 95 % intervals."))
    return parts


def _table_2(results: Mapping[str, StudyResult]) -> list[Part]:
    ratios = [
        f"{one.name}: {effect.note}"
        for one in STUDIES.values()
        for effect in one.effects.values()
        if effect.note
    ]
    notes = [f"{one.name}: {note}" for one in STUDIES.values() for note in one.notes]
    return [
        paper_table_2(results),
        Text(f"Rounding of the paper's ratios. {'; '.join(ratios)}.", style="note"),
        Text(" ".join(notes), style="note"),
        Text(f'Rows marked "paper" are quoted from "{PAPER}"; none was measured by us.'),
    ]


def _table_3(results: Mapping[str, StudyResult]) -> Section:
    return Section("Beside the paper's Table 3", [paper_table_3(results)])


def _notes(place: str, results: Mapping[str, StudyResult]) -> list[Part]:
    """Caveats of this section, each once, with the studies that it is about."""
    about: dict[str, list[str]] = {}
    portable = any(result.portable for result in results.values())
    places = PLACES if portable else PLACES[:2]
    for name, result in results.items():
        for caveat in caveats_at(place, result.caveats, places):
            about.setdefault(caveat, []).append(name)
    return [
        Text(
            caveat if len(names) == len(results) else f"{', '.join(names)}: {caveat}", style="note"
        )
        for caveat, names in about.items()
    ]
