"""Tables of a repair study, ours beside the paper's values."""

from __future__ import annotations

import numpy as np

from jepakit.evals.pages.report import Table
from jepakit.evals.repair.advantage import mean_interval
from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT, REGIONS
from jepakit.evals.repair.opened_models import UNTRAINED
from jepakit.evals.repair.page.paper_values import (
    MAIN,
    MODEL,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    kind_of,
    model_of_paper,
    slice_of_paper,
)
from jepakit.evals.repair.page.repair_caveats import late_text
from jepakit.evals.repair.repair_measures import RescueMeasure
from jepakit.evals.repair.repair_result import ModelRepair, RepairResult
from jepakit.evals.repair.value_text import (
    drift_text,
    fraction_text,
    interval_text,
    p_text,
    why_undefined,
)

CONTROLS = {
    "": "clean, {mode} tokens",
    "other image": "activations of another image",
    "same norm": "random, same norm",
    "random sites": "as many other sites",
    "whole stream": "whole stream (bound)",
}
"""What patches are called, by the name of their control."""
MODES = {"context": "visible", "masked": "hidden", "full": "all"}
"""What the tokens of a patch are called."""


def drift_table(result: RepairResult) -> Table:
    """Table 1: late context drift by region, and the semantic advantage."""
    kind, rows = kind_of(result.facts), []
    for (model, name), one in result.found.items():
        a = one.advantage
        where = slice_of_paper(kind, name) or MAIN
        theirs = None if UNTRAINED in model else TABLE_1[where]
        quoted = ["", "", ""]
        if theirs is not None:
            quoted = [f"\npaper {value:.4f}" for value in (theirs.object, theirs.background)]
            wins = f", {theirs.wins[0]}/{theirs.wins[1]}" if theirs.wins else ""
            quoted.append(f"{theirs.advantage:+.4f}\n{where}{wins}")
        clustered = "one class" if a.clustered is None else interval_text(a.clustered, signed=True)
        rows.append(
            [
                f"{model}\n{name}, {late_text(one)}",
                f"{drift_text(a.first)}{quoted[0]}",
                f"{drift_text(a.second)}{quoted[1]}",
                interval_text(a.difference, signed=True),
                clustered.split("\n")[-1],
                f"{a.wins} of {a.images}\np = {p_text(a.p_value)}".replace(" ", "\u00a0"),
                quoted[2],
            ]
        )
    header = ["model", "object", "background", "advantage", "over classes", "wins"]
    header += ["paper"]
    caption = (
        "Means over images of the mean drift of visible tokens after the late blocks. Advantage: "
        "paired difference with its 95 % bootstrap interval over images; over classes: drawing "
        "whole classes. Wins: images where hiding the object does more. p: two-sided sign flip. "
        f"Paper: advantage and wins of {MODEL}, on the same data and size where it has such a "
        "slice."
    )
    return Table(header, rows, caption, strong=(3,))


def onset_table(result: RepairResult) -> Table:
    """Where drift of visible tokens sets in, and what it is at the end."""
    rows = []
    for (model, name), one in result.found.items():
        cells = [f"{model}\n{name}"]
        for region in REGIONS:
            drift, onset = one.drift[region], one.onset[region]
            cells += ["never" if onset is None else f"L{onset} of {one.depth}"]
            cells += [drift_text(float(drift.context[-1].mean()))]
            cells += [drift_text(float(drift.masked[-1].mean()))]
        rows.append(cells)
    header = ["after the last block", "object: onset", "visible", "hidden"]
    header += ["background: onset", "visible", "hidden"]
    caption = (
        "Onset: first block, from 0, after which mean drift of visible tokens exceeds 0.05. The "
        "paper's lies around its blocks 23 to 29 of 32 for large squares, and is undefined for "
        "small masks."
    )
    return Table(header, rows, caption)


def rescue_table(result: RepairResult) -> Table:
    """Table 2: what clean activations of visible tokens take back while the object is hidden."""
    kind, rows = kind_of(result.facts), []
    for (model, name), one in result.found.items():
        where = slice_of_paper(kind, name) or MAIN
        where = where if where in TABLE_2 else MAIN
        for measure in one.rescues:
            if (measure.region, measure.mode, measure.control) != (OBJECT, "context", ""):
                continue
            theirs = None if UNTRAINED in model else TABLE_2[where][measure.group]
            rows.append(
                [
                    f"{model}\n{name}",
                    f"{measure.group}\n{' + '.join(measure.sites)}".replace(" ", "\u00a0"),
                    _rescued(measure),
                    fraction_text(measure.found.mean_of_ratios),
                    fraction_text(measure.found.ratio_of_means),
                    f"{theirs.absolute:.4f}\n{theirs.fraction:.4f}, {where}" if theirs else "",
                ]
            )
    header = ["model", "group", "rescue", "mean of ratios", "of means", "paper"]
    caption = (
        "Rescue: late context drift taken back, mean over images with its 95 % interval; negative "
        "where a patch adds drift. Beside it the fraction, as mean of ratios and as ratio of "
        "means; below the paper's rescue its fraction, a mean of ratios."
    )
    return Table(header, rows, caption, strong=(2,))


def controls_table(one: ModelRepair, *, region: str = OBJECT) -> Table:
    """Every patch and control by group of sites, while one region is hidden."""
    measures = [m for m in one.rescues if m.region == region]
    groups = list(dict.fromkeys(m.group for m in measures))
    cells = {(patch_name(m), m.group): _cell(m) for m in measures}
    names = list(dict.fromkeys(patch_name(m) for m in measures))
    rows = [[name, *(cells.get((name, group), "no room") for group in groups)] for name in names]
    base = drift_text(float(one.drift[region].late(one.late).mean()))
    caption = (
        f"{one.model}, {region} hidden: late context drift taken back of {base}, with 95 % "
        "intervals over images, and the mean of the images' shares where it is defined. The bound "
        "overwrites the whole stream of visible tokens after the same blocks."
    )
    return Table([f"{region} hidden", *groups], rows, caption)


def _rescued(measure: RescueMeasure) -> str:
    found = measure.found.absolute
    return interval_text(mean_interval(found, np.arange(len(found))))


def _cell(measure: RescueMeasure) -> str:
    share = measure.found.mean_of_ratios
    return _rescued(measure) + ("" if share is None else f"; {share:.0%}")


def undefined_fractions(result: RepairResult) -> list[Table]:
    """Where fractions lack images or have no value, and why; nothing where all have."""
    rows = []
    for (model, name), one in result.found.items():
        for region in REGIONS:
            measure = next((m for m in one.rescues if m.region == region), None)
            why = why_undefined(measure.found) if measure else ""
            if why:
                rows.append([f"{model}\n{name}", region, why])
    return [Table(["fractions undefined", "hidden", "why"], rows)] if rows else []


def models_table(result: RepairResult) -> Table:
    """Table 3: the advantage of every model beside the paper's models."""
    rows = []
    for (model, name), one in result.found.items():
        a, theirs = one.advantage, model_of_paper(model)
        quoted = (
            [f"{theirs.advantage:+.4f}\n{theirs.name}", f"{theirs.wins} of {theirs.images}"]
            if theirs
            else ["", ""]
        )
        share = "" if a.second <= 0 else f"{a.first / a.second:.2f}"
        rows.append(
            [
                f"{model}\n{name}",
                interval_text(a.difference, signed=True),
                share,
                f"{a.wins} of {a.images}",
                *quoted,
            ]
        )
    rows += [
        [f"paper: {one.name}\n{MAIN}", "", "", "", f"{one.advantage:+.4f}", f"{one.wins} of 24"]
        for one in TABLE_3.values()
    ]
    header = ["model", "advantage", "object / background", "wins", "paper", "paper's wins"]
    caption = (
        "Drift has no common scale between models, so that advantages of different ones are not to "
        "be ranked by size; the ratio has none of this, wins neither."
    )
    return Table(header, rows, caption, strong=(1,))


def tokens_table(result: RepairResult) -> Table:
    """Table 4: tokens that are hidden and left."""
    kind, rows = kind_of(result.facts), []
    for (model, name), one in result.found.items():
        counts, total = one.images.counts, one.images.tokens
        whole = np.array([pair.touched.sum() for pair in one.images.pairs])
        where = slice_of_paper(kind, name)
        theirs = TABLE_4.get(where or MAIN)
        mark = "not printed" if theirs is None else f"{theirs.hidden:.1f}\n{where or MAIN}"
        rows.append(
            [
                f"{model}\n{name}",
                f"{counts.mean():.1f}\n{counts.min()} to {counts.max()}",
                f"{counts.mean():.1f}",
                f"{total - counts.mean():.1f}",
                f"{total}",
                f"{whole.mean():.1f}",
                mark,
                "" if theirs is None else f"{theirs.context:.1f}",
            ]
        )
    header = ["mean tokens", "object", "background", "left", "all", "object touches"]
    caption = (
        "Object and background hide equally many in every image, with no token in common. Object "
        "touches: before the cap and the budget."
    )
    return Table([*header, "paper: hidden", "left"], rows, caption)


def size_table(one: ModelRepair) -> Table:
    """Figure 4: advantage by size of the object, in thirds of the images."""
    size = np.array([pair.touched.sum() for pair in one.images.pairs])
    gap = one.drift[OBJECT].late(one.late) - one.drift[BACKGROUND].late(one.late)
    rows = []
    order = np.argsort(size, kind="stable")
    for name, part in zip(("small", "middle", "large"), np.array_split(order, 3), strict=True):
        if not len(part):
            continue
        rows.append(
            [
                name,
                f"{size[part].min()} to {size[part].max()}",
                drift_text(float(gap[part].mean()), signed=True),
                f"{int((gap[part] > 0).sum())} of {len(part)}",
            ]
        )
    caption = f"{one.model}: thirds of the images by tokens that the object touches, capped or not."
    return Table(["object", "tokens", "advantage", "wins"], rows, caption)


def patch_name(measure: RescueMeasure) -> str:
    """What a patch is called in tables and figures."""
    return CONTROLS[measure.control].format(mode=MODES[measure.mode])
