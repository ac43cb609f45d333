"""The page of a repair study: what was hidden, what it did, and what takes it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Drawing

from jepakit.evals.pages.report import Part, Section, Table, Text
from jepakit.evals.pages.report_files import write_page
from jepakit.evals.repair.budgets.budget_table import budget_table
from jepakit.evals.repair.images.occluded_images import BACKGROUND
from jepakit.evals.repair.page import paper_values as paper
from jepakit.evals.repair.page.map_tables import geometry_table, proxy_table, sites_table
from jepakit.evals.repair.page.page_parts import notes, picture, pictures
from jepakit.evals.repair.page.repair_caveats import (
    PROXY,
    drift_caveats,
    rescue_caveats,
    sweep_caveats,
)
from jepakit.evals.repair.page.repair_figures import models_of, repair_figures
from jepakit.evals.repair.page.repair_tables import (
    controls_table,
    drift_table,
    models_table,
    onset_table,
    rescue_table,
    size_table,
    tokens_table,
    undefined_fractions,
)
from jepakit.evals.repair.predictor.predictor_section import predictor_parts
from jepakit.evals.repair.repair_json import FORMAT, Tests, repair_content
from jepakit.evals.repair.repair_result import RepairResult
from jepakit.evals.repair.seed_twins import DRIFT, seed_twins, twins_table
from jepakit.evals.repair.site_tests import sites_tested
from jepakit.evals.repair.value_text import drift_text, interval_text, p_text
from jepakit.evals.strict_json import write_json

TITLE = "Late semantic repair"
KICKER = "How an encoder copes with what is missing"
QUOTED = (
    f'Values marked "paper" are quoted from "{paper.PAPER}", {paper.MODEL}; none was measured by '
    f"us. Where it has no slice of the same data and size, {paper.MAIN} stands in, named below "
    "the value: a reference for orders of magnitude, not for a comparison."
)


def write_repair(result: RepairResult, folder: Path, *, command: str = "") -> list[Path]:
    """Write ``repair.json``, ``repair.md``, ``repair.html`` and figures as PNG, light and dark.

    Args:
        result: the study.
        folder: made where it is not there.
        command: that made it, for the footer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tests: Tests = {
        key: sites_tested(one.sweep) for key, one in result.found.items() if one.sweep is not None
    }
    drawings = repair_figures(result, tests)
    sections = repair_sections(result, tests, drawings)
    content = {
        "format": FORMAT,
        "repair": repair_content(result, tests),
        "paper": paper_content(),
    }
    paths = [write_json(content, folder / "repair.json")]
    return paths + write_page(
        folder, "repair", TITLE, lede_of(result), sections, drawings, command, kicker=KICKER
    )


def repair_sections(
    result: RepairResult, tests: Tests, drawings: Mapping[str, Drawing]
) -> list[Section]:
    """The page in reading order; a section without numbers is left out."""
    found = result.found
    sections = [
        Section("What was hidden", _hidden(result, drawings)),
        Section("What that does to the rest", _drift(result, drawings)),
    ]
    if any(one.rescues for one in found.values()):
        sections.append(Section("What takes it back", _rescue(result, drawings)))
    if tests:
        sections.append(Section("Site by site", _sweep(result, tests, drawings)))
    if any(one.geometry for one in found.values()):
        sections.append(Section("Size and shape of what is hidden", _geometry(result, drawings)))
    if any(one.proxy is not None for one in found.values()):
        sections.append(Section("What a linear predictor sees", _proxy(result, drawings)))
    if any(one.budgets for one in found.values()):
        sections.append(Section("How much of the object is hidden", _budgets(result, drawings)))
    if result.predictors:
        sections.append(Section("What the predictor is missing", _predictor(result, drawings)))
    sections.append(Section("Beside the paper's models", [models_table(result)]))
    sections.append(Section("How the paper is read here", [Text("\n\n".join(paper.TENSIONS))]))
    return sections


def lede_of(result: RepairResult) -> str:
    """The main finding in a sentence or two, of the first model and slice."""
    (model, name), one = next(iter(result.found.items()))
    a = one.advantage
    sure = a.difference.low > 0 or a.difference.high < 0
    told = (
        f"Hiding the object turns the visible tokens of {model} by {drift_text(a.first)} in late "
        f"blocks, hiding as much background by {drift_text(a.second)} ({a.images} images, {name}): "
        f"a difference of {interval_text(a.difference, signed=True)}, larger in {a.wins} of "
        f"{a.images} images, p = {p_text(a.p_value)}"
    ).replace("\n", " ")
    return told + ("." if sure else "; the interval holds 0, so that neither is shown to do more.")


def paper_content() -> dict[str, Any]:
    """The paper's values."""
    return {
        "title": paper.PAPER,
        "table_1": {key: asdict(one) for key, one in paper.TABLE_1.items()},
        "table_2": {
            key: {group: asdict(one) for group, one in groups.items()}
            for key, groups in paper.TABLE_2.items()
        },
        "table_3": {one.name: asdict(one) for one in paper.TABLE_3.values()},
        "table_4": {key: asdict(one) for key, one in paper.TABLE_4.items()},
        "proxy": asdict(paper.PROXY),
    }


def _hidden(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = []
    for name in result.slices:
        parts += pictures(("masks", "clip"), name, drawings, result)
    skipped = "; ".join(f"{count} {reason}" for reason, count in result.skipped.items())
    facts = result.facts | {"left out": skipped or "none"}
    parts += [tokens_table(result), Table(["fact", "value"], [[k, v] for k, v in facts.items()])]
    return [*parts, Text(QUOTED)]


def _drift(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    first = next(iter(result.found.values()))
    parts = [*notes(drift_caveats(result)), drift_table(result), picture("advantage", drawings)]
    for name in result.slices:
        if twins := seed_twins(models_of(result, name), DRIFT):
            parts.append(twins_table(twins, DRIFT))
    parts.append(picture("drift", drawings))
    for name in result.slices:
        parts += pictures(("examples",), name, drawings, result)
    return [*parts, onset_table(result), size_table(first)]


def _rescue(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = notes(rescue_caveats(result))
    parts += [rescue_table(result), *undefined_fractions(result)]
    for name in result.slices:
        parts += pictures(("rescue",), name, drawings, result)
    for one in result.found.values():
        if one.rescues:
            parts += [controls_table(one), controls_table(one, region=BACKGROUND)]
    return parts


def _sweep(result: RepairResult, tests: Tests, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = notes(sweep_caveats(result))
    for name in result.slices:
        parts += pictures(("sweep",), name, drawings, result)
    for (model, name), one in result.found.items():
        if one.sweep is not None:
            parts.append(sites_table(f"{model}, {name}", one.sweep, tests[model, name]))
    return parts


def _geometry(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = []
    for name in result.slices:
        parts += pictures(("rectangles", "geometry"), name, drawings, result)
    for (model, name), one in result.found.items():
        if one.geometry:
            parts.append(geometry_table(f"{model}, {name}", one.depth, one.geometry))
    return parts


def _proxy(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = notes((PROXY,))
    for name in result.slices:
        parts += pictures(("proxy",), name, drawings, result)
    for (model, name), one in result.found.items():
        if one.proxy is not None:
            parts.append(proxy_table(f"{model}, {name}", one.proxy))
    return parts


def _budgets(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = []
    for name in result.slices:
        parts += pictures(("budget",), name, drawings, result)
    for (model, name), one in result.found.items():
        if one.budgets:
            parts.append(budget_table(f"{model}, {name}", one.budgets))
    return parts


def _predictor(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = []
    for name in result.slices:
        parts += predictor_parts(result, name, drawings)
    return parts
