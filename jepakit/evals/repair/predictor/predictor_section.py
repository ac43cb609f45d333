"""The predictor's part of a repair page and of the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure as Drawing

from jepakit.evals.pages.report import Part, Table, Text
from jepakit.evals.repair.page.page_parts import notes, pictures
from jepakit.evals.repair.page.repair_figures import models_of
from jepakit.evals.repair.predictor.carried_errors import CarriedErrors
from jepakit.evals.repair.predictor.hidden_errors import HiddenErrors
from jepakit.evals.repair.predictor.predictor_caveats import predictor_caveats, without_text
from jepakit.evals.repair.predictor.predictor_tables import (
    carried_table,
    contexts_table,
    leaks_table,
    strongest,
)
from jepakit.evals.repair.repair_result import RepairResult
from jepakit.evals.repair.seed_twins import LEAK, seed_twins, twins_table
from jepakit.evals.repair.value_text import drift_text, p_text, share_text


def predictor_parts(result: RepairResult, name: str, drawings: Mapping[str, Drawing]) -> list[Part]:
    """Of one slice, in reading order; empty where it has none."""
    errors, carried = measured(result, name)
    if not errors:
        return []
    said = "\n\n".join(finding_of(model, errors[model], one) for model, one in carried.items())
    parts: list[Part] = [Text(said), *notes(predictor_caveats(errors))]
    if result.without_predictor:
        parts += notes([without_text(result.without_predictor)])
    contexts, *rest = predictor_tables(result, name).values()
    parts += [*pictures(("contexts",), name, drawings, result), contexts]
    parts += pictures(("carried",), name, drawings, result)
    return [*parts, *rest]


def predictor_tables(result: RepairResult, name: str) -> dict[str, Table]:
    """Tables of one slice by title."""
    errors, carried = measured(result, name)
    tables = {
        f"What the predictor reads: {name}": contexts_table(errors),
        f"What leaks out of the region: {name}": leaks_table(carried),
    }
    if twins := seed_twins(models_of(result, name), LEAK):
        tables[f"Trained alike: {name}"] = twins_table(twins, LEAK)
    for model, one in carried.items():
        title = f"{model}, {name}"
        tables[f"Which sites carry the error: {title}"] = carried_table(title, one)
    return tables


def measured(
    result: RepairResult, name: str
) -> tuple[dict[str, HiddenErrors], dict[str, CarriedErrors]]:
    """Errors, and what sites carry of them, by model of one slice."""
    found = models_of(result, name)
    errors = {model: one.predictor for model, one in found.items() if one.predictor is not None}
    carried = {model: one.carried for model, one in found.items() if one.carried is not None}
    return errors, carried


def finding_of(model: str, errors: HiddenErrors, carried: CarriedErrors) -> str:
    """The finding of a model in two sentences."""
    contexts = errors.regions["object"].contexts
    bound, site = carried.bounds["dropped"], strongest(carried, "dropped")
    mean = {name: drift_text(float(one.error.mean())) for name, one in contexts.items()}
    if bound.object.low > 0:
        passed = f"seeing the object would take back {share_text(bound.share)} of that"
    elif bound.object.high < 0:
        passed = f"tokens that saw the object make it worse by {share_text(-bound.share)}"
    else:
        share = share_text(bound.share)
        passed = f"whether seeing the object takes any of it back is not resolved ({share})"
    beyond = "more" if bound.gap.low > 0 else "less" if bound.gap.high < 0 else "no more or less"
    carried_share = share_text(site.share)
    return (
        f"{model} errs on the hidden object by {mean['dropped']} (no context {mean['no context']}, "
        f"another scene {mean['another scene']}); {passed}, {beyond} than with background. The one "
        f"site that carries most is {site.block}.{site.part} with {carried_share} of the error "
        f"(Holm p = {p_text(site.adjusted)})."
    )
