"""The page of a study: tables and figures beside the paper's, each with what it cannot show."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure as Drawing

from jepakit.evals.pages.report import Facts, Figure, Part, Section, Table, Text
from jepakit.evals.pages.report_files import write_page
from jepakit.evals.states.caveats import (
    CEILING,
    IDENTITY,
    IN_SAMPLE,
    OVERLAP,
    RANDOM_WEAK,
    UNCENTERED,
)
from jepakit.evals.states.page.accuracy_figure import accuracy_figure
from jepakit.evals.states.page.effect_figures import (
    effects_figure,
    null_figure,
    patching_figure,
    steering_figure,
)
from jepakit.evals.states.page.layer_names import short_name
from jepakit.evals.states.page.paper_values import PAPER, PublishedStudy, published_for
from jepakit.evals.states.page.portability_figures import portability_figure, spectrum_figure
from jepakit.evals.states.page.ratio_text import RATIO_NOTE
from jepakit.evals.states.page.study_tables import (
    carrying_table,
    effects_table,
    impossible_table,
    layers_table,
    means_table,
    measures_table,
    patching_table,
    portability_table,
    sparse_table,
    steering_table,
    undefined_table,
)
from jepakit.evals.states.result import StudyResult
from jepakit.evals.states.study_json import FORMAT, study_content
from jepakit.evals.strict_json import write_json

TITLE = "Causal state variables"
NULL_CAPTION = (
    "What the whole analysis finds where there is nothing to find, at the layer that most rounds "
    "chose. The line is the effect of the table."
)
SHORT = 14  # characters that fit a tile
PLACES = {
    IN_SAMPLE: ("study", "effects", "patching", "portability"),
    OVERLAP: ("effects",),
    RANDOM_WEAK: ("effects",),
    UNCENTERED: ("effects",),
    IDENTITY: ("portability",),
    CEILING: ("portability",),
}
"""Sections in which a caveat stands; others stand at the head."""
ALTS = {
    "accuracy": "Held-out accuracy of dense and sparse probes by layer",
    "effects": "Causal effect of the found subspace and of every control, with intervals",
    "null": "Effects of the whole pipeline on permuted labels beside the observed effect",
    "patching": "Share of patched clips that take the donor's class",
    "steering": "Causal effect by the factor of the found and of random subspaces",
    "portability": "Subspace alignment beside retained causal effect by method and layer",
    "spectrum": "Squared cosines of the principal angles by method and layer",
}


def write_study(
    result: StudyResult, folder: Path, *, extra: Sequence[Section] = (), command: str = ""
) -> list[Path]:
    """Write ``states.json``, ``states.md``, ``states.html`` and the figures as PNG, light and dark.

    The paper's values stand beside ours where ``facts["data"]`` names data of the paper, see
    :func:`~jepakit.evals.states.page.paper_values.published_for`.

    Args:
        result: the study.
        folder: made where it is not there.
        extra: further sections, after those of the study.
        command: that made it, for the footer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paper = published_for(result.facts)
    drawings = study_figures(result, paper)
    sections = [*study_sections(result, paper, drawings), *extra]
    content = {
        "format": FORMAT,
        "study": study_content(result),
        "paper": None if paper is None else dataclasses.asdict(paper),
    }
    paths = [write_json(content, folder / "states.json")]
    lede = lede_of(result)
    return paths + write_page(folder, "states", TITLE, lede, sections, drawings, command)


def study_figures(result: StudyResult, paper: PublishedStudy | None) -> dict[str, Drawing]:
    """The figures that this study has numbers for, by name."""
    figures = {
        "accuracy": accuracy_figure(result, paper),
        "effects": effects_figure(result, paper),
    }
    if result.null:
        figures["null"] = null_figure(result)
    if result.success:
        figures["patching"] = patching_figure(result.success, paper)
    if result.steering:
        figures["steering"] = steering_figure(result.steering)
    if result.portable:
        figures["portability"] = portability_figure(result.portable, paper)
        figures["spectrum"] = spectrum_figure(result.portable)
    return figures


def study_sections(
    result: StudyResult, paper: PublishedStudy | None, drawings: Mapping[str, Drawing]
) -> list[Section]:
    """The page in reading order; a section without numbers is left out."""
    sections = [
        ("study", Section("What was studied", _studied(result, paper))),
        ("accuracy", Section("Where it can be read", _readable(result, paper, drawings))),
        ("effects", Section("What removing it does", _effects(result, paper, drawings))),
    ]
    if "null" in drawings:
        sections.append(("null", Section("Is there anything to find", _null(result, drawings))))
    if "patching" in drawings:
        title = "What another clip's subspace brings"
        sections.append(("patching", Section(title, _patching(result, paper, drawings))))
    if "steering" in drawings:
        sections.append(("steering", Section("What scaling it does", _steering(result, drawings))))
    if "portability" in drawings:
        title = "Whether it carries over"
        sections.append(("portability", Section(title, _portability(result, paper, drawings))))
    places = [place for place, _ in sections]
    return [_with_caveats(place, section, result, places) for place, section in sections]


def caveats_at(place: str, caveats: Sequence[str], places: Sequence[str]) -> list[str]:
    """The caveats of one section; those whose sections are not among ``places`` are the first's."""
    wanted = {one: [p for p in PLACES.get(one, ()) if p in places] for one in caveats}
    return [one for one, at in wanted.items() if place in (at or places[:1])]


def lede_of(result: StudyResult) -> str:
    """The main finding in a sentence or two."""
    rows = {row.name: row.effect for row in result.rows}
    causal, random = rows.get("causal"), rows.get("random")
    told = "The effect of removing the found subspace could not be measured."
    if causal is not None:
        told = (
            f"Removing the found subspace takes {causal} from the probability of the true class, "
            f"{result.before:.3f} before"
        )
        told += f"; removing random directions takes {random}." if random else "."
    if result.p_value is not None:
        told += (
            f" On permuted labels the whole analysis finds as much with p = {result.p_value:.3g}."
        )
    return told


def _studied(result: StudyResult, paper: PublishedStudy | None) -> list[Part]:
    facts = {name: short_name(" ".join(text.split())) for name, text in result.facts.items()}
    short = {name: value for name, value in facts.items() if len(value) <= SHORT}
    short = short if len(short) > 2 else {}
    long = [[name, value] for name, value in facts.items() if name not in short]
    parts: list[Part] = [Facts(short)] if short else []
    parts += [Table(["fact", "value"], long)] if long else []
    if paper is not None:
        parts.append(
            Text(
                f'Values marked "paper" are quoted from "{PAPER}", {paper.name}, {paper.model}; '
                "none was measured by us. Blocks are counted from 0 (L0); where depths differ they "
                "stand at the same relative depth."
            )
        )
    return parts


def _readable(
    result: StudyResult, paper: PublishedStudy | None, drawings: Mapping[str, Drawing]
) -> list[Part]:
    caption = (
        "Probes on pooled activations, judged on clips that they have not seen. Green: layers that "
        "rounds intervened at, thicker where more did. "
        + ("Hollow marks: the paper's, whose clips may not be held out." if paper else "")
    )
    figure = _picture("accuracy", drawings, caption)
    return [figure, *sparse_table(result, paper), layers_table(result, paper)]


def _effects(
    result: StudyResult, paper: PublishedStudy | None, drawings: Mapping[str, Drawing]
) -> list[Part]:
    caption = (
        "Bars: 95 % intervals over sources of clips. Right of the dashed line nothing can lie by "
        "loss of information alone."
    )
    parts: list[Part] = [
        effects_table(result, paper),
        *impossible_table(result),
        Text(RATIO_NOTE),
        _picture("effects", drawings, caption),
        *measures_table(result),
    ]
    if paper is None:
        return parts
    notes = [one.note for one in paper.effects.values() if one.note]
    if notes:
        parts.append(Text(f"Rounding of the paper's ratios: {'; '.join(notes)}.", style="note"))
    if paper.notes:
        parts.append(Text(" ".join(paper.notes), style="note"))
    return parts


def _null(result: StudyResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    count = len(result.null)
    p = "not computed" if result.p_value is None else f"{result.p_value:.3g}"
    return [
        Text(
            f"Subspace, classifier and folds anew on {count} permutations of the labels: "
            f"p = {p}, where {1 / (count + 1):.3g} is the smallest that so many can give."
        ),
        _picture("null", drawings, NULL_CAPTION),
    ]


def _patching(
    result: StudyResult, paper: PublishedStudy | None, drawings: Mapping[str, Drawing]
) -> list[Part]:
    return [_picture("patching", drawings, ""), patching_table(result, paper)]


def _steering(result: StudyResult, drawings: Mapping[str, Drawing]) -> list[Part]:
    caption = "Bands: 95 % intervals."
    return [_picture("steering", drawings, caption), steering_table(result)]


def _portability(
    result: StudyResult, paper: PublishedStudy | None, drawings: Mapping[str, Drawing]
) -> list[Part]:
    left = (
        "Left: ticks are splits, dots their mean. The grey bar is where sampling noise alone puts "
        "the alignment of one subspace with itself: only left of it is there evidence that the "
        "geometry changed. Hollow triangles weight directions by how far they part the classes. "
        "Right: 95 % intervals; at 1 the other clips' subspace does all that the own one does."
    )
    angles = (
        "A few values near 1 beside values near 0 are strong directions found again beside weak "
        "ones lost in noise. Dashed: mean of random subspaces."
    )
    return [
        _picture("portability", drawings, left),
        portability_table(result, paper),
        *undefined_table(result),
        means_table(result, paper),
        carrying_table(result),
        _picture("spectrum", drawings, angles),
    ]


def _with_caveats(
    place: str, section: Section, result: StudyResult, places: Sequence[str]
) -> Section:
    """Caveats come before what they are about."""
    notes = [Text(one, style="note") for one in caveats_at(place, result.caveats, places)]
    parts = [*section.parts, *notes] if place == "study" else [*notes, *section.parts]
    return Section(section.title, parts)


def _picture(name: str, drawings: Mapping[str, Drawing], caption: str) -> Figure:
    return Figure(drawings[name], alt=ALTS[name], caption=caption.strip())
