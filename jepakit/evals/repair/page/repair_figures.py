"""The figures that a repair study has numbers for, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from matplotlib.figure import Figure as Drawing

from jepakit.evals.repair.budgets.budget_figure import budget_figure
from jepakit.evals.repair.images.mask_pictures import mask_sheet, mask_strip, rectangle_sheet
from jepakit.evals.repair.opened_models import UNTRAINED
from jepakit.evals.repair.page.drift_figures import advantage_figure, drift_figure
from jepakit.evals.repair.page.example_figures import example_figure
from jepakit.evals.repair.page.map_figures import geometry_figure, sweep_figure
from jepakit.evals.repair.page.paper_values import TABLE_1, TABLE_2, kind_of, slice_of_paper
from jepakit.evals.repair.page.patch_figures import proxy_figure, rescue_figure
from jepakit.evals.repair.predictor.predictor_figures import carried_figure, contexts_figure
from jepakit.evals.repair.repair_json import Tests
from jepakit.evals.repair.repair_result import ModelRepair, RepairResult

ROWS = 8  # images of a contact sheet
LONG = 3  # frames from which a clip gets a strip of its own
MASKS = (
    "Frame of orange: hidden tokens of the object, its outline in white; frame of blue: as many "
    "of the background. Right: what the encoder gets to see."
)


def repair_figures(result: RepairResult, tests: Tests) -> dict[str, Drawing]:
    """Contact sheets first, then drift, patches, sites, rectangles and the predictor.

    Args:
        result: the study.
        tests: of its sweeps, by model and slice.
    """
    kind = kind_of(result.facts)
    figures = mask_figures(result)
    quoted = {
        key: None if UNTRAINED in key[0] else TABLE_1.get(slice_of_paper(kind, key[1]) or "")
        for key in result.found
    }
    figures["advantage"] = advantage_figure(result, quoted)
    figures["drift"] = drift_figure(result)
    for name in result.slices:
        found = models_of(result, name)
        figures[figure_name("examples", name)] = example_figure(next(iter(found.values())))
        figures |= _of_patches(result, name, tests)
        figures |= _of_predictors(found, name)
    return figures


def _of_predictors(found: Mapping[str, ModelRepair], name: str) -> dict[str, Drawing]:
    """Budgets, and what the models' own predictors say."""
    figures = {}
    budgets = {model: one.budgets for model, one in found.items() if one.budgets}
    errors = {model: one.predictor for model, one in found.items() if one.predictor is not None}
    carried = {model: one.carried for model, one in found.items() if one.carried is not None}
    if budgets:
        figures[figure_name("budget", name)] = budget_figure(budgets)
    if errors:
        figures[figure_name("contexts", name)] = contexts_figure(errors)
        figures[figure_name("carried", name)] = carried_figure(carried)
    return figures


def _of_patches(result: RepairResult, name: str, tests: Tests) -> dict[str, Drawing]:
    """Patches, sites, rectangles and the linear predictor of one slice."""
    found, kind = models_of(result, name), kind_of(result.facts)
    figures: dict[str, Drawing] = {}
    rescued = {model: one for model, one in found.items() if one.rescues}
    swept = {m: (o.sweep, tests[m, name]) for m, o in found.items() if o.sweep is not None}
    cells = {model: one.geometry for model, one in found.items() if one.geometry}
    errors = {model: one.proxy for model, one in found.items() if one.proxy is not None}
    if rescued:
        theirs = TABLE_2.get(slice_of_paper(kind, name) or "")
        figures[figure_name("rescue", name)] = rescue_figure(rescued, theirs)
    if swept:
        figures[figure_name("sweep", name)] = sweep_figure(swept)
    if cells:
        one = next(o for o in found.values() if o.geometry)
        rectangles = [cell.rectangle for cell in one.geometry]
        frames, fill = one.images.items[0].frames, one.images.rule.fill
        sheet = rectangle_sheet(frames, rectangles, fill=fill)
        figures[figure_name("rectangles", name)] = sheet
        figures[figure_name("geometry", name)] = geometry_figure(cells)
    if errors:
        figures[figure_name("proxy", name)] = proxy_figure(errors)
    return figures


def mask_figures(result: RepairResult) -> dict[str, Drawing]:
    """What was hidden, slice by slice, as the first model sees it; clips also over time."""
    figures = {}
    for name in result.slices:
        images = next(iter(models_of(result, name).values())).images
        sheet = mask_sheet(images.items, images.pairs, fill=images.rule.fill, most=ROWS)
        figures[figure_name("masks", name)] = sheet
        if len(images.items[0].frames) >= LONG and images.pairs[0].object.shape[0] > 1:
            longest = max(range(len(images)), key=lambda i: images.pairs[i].count)
            item, pair = images.items[longest], images.pairs[longest]
            figures[figure_name("clip", name)] = mask_strip(item, pair, fill=images.rule.fill)
    return figures


def models_of(result: RepairResult, name: str) -> Mapping[str, ModelRepair]:
    """Models of one slice, in order."""
    return {model: one for (model, own), one in result.found.items() if own == name}


def figure_name(what: str, name: str) -> str:
    """Of the figure of a slice, fit for a file."""
    return f"{what}_{re.sub(r'[^A-Za-z0-9]+', '_', name)}"
