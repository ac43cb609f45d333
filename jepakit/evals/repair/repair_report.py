"""The page of a repair study: what was hidden, what it did, and what takes it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Drawing

from jepakit.evals.repair import paper_values as paper
from jepakit.evals.repair.map_tables import geometry_table, proxy_table, sites_table
from jepakit.evals.repair.occluded_images import BACKGROUND
from jepakit.evals.repair.repair_caveats import (
    PROXY,
    drift_caveats,
    rescue_caveats,
    sweep_caveats,
)
from jepakit.evals.repair.repair_figures import MASKS, figure_name, repair_figures
from jepakit.evals.repair.repair_json import FORMAT, Tests, repair_content
from jepakit.evals.repair.repair_result import RepairResult
from jepakit.evals.repair.repair_tables import (
    controls_table,
    drift_table,
    models_table,
    onset_table,
    rescue_table,
    size_table,
    tokens_table,
    undefined_fractions,
)
from jepakit.evals.repair.site_tests import sites_tested
from jepakit.evals.repair.value_text import drift_text, interval_text, p_text
from jepakit.evals.report import Figure, Part, Section, Table, Text
from jepakit.evals.report_files import write_page
from jepakit.evals.strict_json import write_json

TITLE = "Late semantic repair"
KICKER = "How an encoder copes with what is missing"
QUOTED = (
    f'Values marked "paper" are quoted from "{paper.PAPER}", {paper.MODEL}; none was measured by '
    f"us. Where it has no slice of the same data and size, {paper.MAIN} stands in, named below "
    "the value: a reference for orders of magnitude, not for a comparison."
)
CAPTIONS = {
    "masks": MASKS,
    "clip": "The clip in which most is hidden, over time.",
    "advantage": "Left: a thin line joins object and background of one image, bars are means. "
    "Right: the mean difference. Beside it: images in which hiding the object does more.",
    "drift": "Means over images with their 95 % bootstrap intervals. Grey: the late blocks. "
    "Triangles: the onset.",
    "rescue": "Full bars: clean activations; pale ones: controls of the patch of visible tokens. "
    "Black: 95 % intervals over images. Bars that are cut have their value written on them. "
    "Dashed: the whole stream of the same blocks. Diamonds: the paper's.",
    "sweep": "Late context drift taken back by one site, mean over images, one scale of colours. "
    "Orange takes back, violet adds. Dots: at or below 0.05 after Holm over all sites.",
    "rectangles": "The rectangles, on the first image.",
    "geometry": "Late context drift, and the block after which it sets in. Grey: does not fit.",
    "proxy": "Each dot an image, large ones means with 95 % intervals. On a scale of logarithms.",
}
"""What stands below a figure, by the first word of its name."""
ALTS = {
    "masks": "Images with the hidden object, the hidden background, and what is left of each",
    "clip": "A clip with the hidden object and background over time",
    "advantage": "Late context drift of every image and the advantage of object over background",
    "drift": "Drift of visible and hidden tokens by block",
    "rescue": "Drift taken back by groups of sites, tokens and controls",
    "sweep": "Rescue by block, part and tokens",
    "rectangles": "One image behind every rectangle of the sweep",
    "geometry": "Late drift by area and aspect of a rectangle",
    "proxy": "Errors of the linear predictor beside those of copying",
}


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
        parts += _pictures(("masks", "clip"), name, drawings, result)
    skipped = "; ".join(f"{count} {reason}" for reason, count in result.skipped.items())
    facts = result.facts | {"left out": skipped or "none"}
    parts += [tokens_table(result), Table(["fact", "value"], [[k, v] for k, v in facts.items()])]
    return [*parts, Text(QUOTED)]


def _drift(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    first = next(iter(result.found.values()))
    return [
        *_notes(drift_caveats(result)),
        drift_table(result),
        _picture("advantage", drawings),
        _picture("drift", drawings),
        onset_table(result),
        size_table(first),
    ]


def _rescue(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = _notes(rescue_caveats(result))
    parts += [rescue_table(result), *undefined_fractions(result)]
    for name in result.slices:
        parts += _pictures(("rescue",), name, drawings, result)
    for one in result.found.values():
        if one.rescues:
            parts += [controls_table(one), controls_table(one, region=BACKGROUND)]
    return parts


def _sweep(result: RepairResult, tests: Tests, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = _notes(sweep_caveats(result))
    for name in result.slices:
        parts += _pictures(("sweep",), name, drawings, result)
    for (model, name), one in result.found.items():
        if one.sweep is not None:
            parts.append(sites_table(f"{model}, {name}", one.sweep, tests[model, name]))
    return parts


def _geometry(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = []
    for name in result.slices:
        parts += _pictures(("rectangles", "geometry"), name, drawings, result)
    for (model, name), one in result.found.items():
        if one.geometry:
            parts.append(geometry_table(f"{model}, {name}", one.depth, one.geometry))
    return parts


def _proxy(result: RepairResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    parts: list[Part] = _notes((PROXY,))
    for name in result.slices:
        parts += _pictures(("proxy",), name, drawings, result)
    for (model, name), one in result.found.items():
        if one.proxy is not None:
            parts.append(proxy_table(f"{model}, {name}", one.proxy))
    return parts


def _notes(said: Sequence[str]) -> list[Part]:
    """Caveats come before what they are about."""
    return [Text(one, style="note") for one in said]


def _pictures(
    what: Sequence[str], name: str, drawings: Mapping[str, Drawing], result: RepairResult
) -> list[Part]:
    """Figures of one slice, which is named where there are several."""
    prefix = f"{name}. " if len(result.slices) > 1 else ""
    names = [figure_name(one, name) for one in what]
    return [_picture(one, drawings, prefix) for one in names if one in drawings]


def _picture(name: str, drawings: Mapping[str, Drawing], prefix: str = "") -> Figure:
    kind = name.split("_")[0]
    return Figure(drawings[name], alt=ALTS[kind], caption=prefix + CAPTIONS[kind])
