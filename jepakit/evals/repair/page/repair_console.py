"""A repair study on the terminal."""

from __future__ import annotations

from rich.console import Console

from jepakit.evals.pages.table_console import print_table
from jepakit.evals.repair.budgets.budget_table import budget_table
from jepakit.evals.repair.page.map_tables import geometry_table, proxy_table, sites_table
from jepakit.evals.repair.page.repair_caveats import (
    PROXY,
    drift_caveats,
    rescue_caveats,
    sweep_caveats,
)
from jepakit.evals.repair.page.repair_report import lede_of
from jepakit.evals.repair.page.repair_tables import (
    controls_table,
    drift_table,
    models_table,
    onset_table,
    rescue_table,
    tokens_table,
    undefined_fractions,
)
from jepakit.evals.repair.predictor.predictor_caveats import predictor_caveats
from jepakit.evals.repair.predictor.predictor_section import (
    finding_of,
    measured,
    predictor_tables,
    without_text,
)
from jepakit.evals.repair.repair_result import RepairResult
from jepakit.evals.repair.site_tests import sites_tested


def print_repair(result: RepairResult, console: Console | None = None) -> None:
    """Print the finding, the tables that were asked for, the facts, and every caveat once."""
    console = console or Console()
    console.print(lede_of(result), markup=False, highlight=False)
    print_table("Tokens (Table 4)", tokens_table(result), console)
    print_table("Object against background (Table 1)", drift_table(result), console)
    print_table("Onset", onset_table(result), console)
    caveats = dict.fromkeys(drift_caveats(result))
    if any(one.rescues for one in result.found.values()):
        print_table("What takes it back (Table 2)", rescue_table(result), console)
    for (model, name), one in result.found.items():
        title = f"{model}, {name}"
        if one.rescues:
            print_table(f"Patches and controls: {title}", controls_table(one), console)
            caveats |= dict.fromkeys(rescue_caveats(result))
        if one.sweep is not None:
            table = sites_table(title, one.sweep, sites_tested(one.sweep))
            print_table(f"Site by site: {title}", table, console)
            caveats |= dict.fromkeys(sweep_caveats(result))
        if one.geometry:
            table = geometry_table(title, one.depth, one.geometry)
            print_table(f"Rectangles: {title}", table, console)
        if one.proxy is not None:
            print_table(f"Linear predictor: {title}", proxy_table(title, one.proxy), console)
            caveats |= {PROXY: None}
        if one.budgets:
            print_table(f"Token budgets: {title}", budget_table(title, one.budgets), console)
    caveats |= _print_predictors(result, console)
    for missing in undefined_fractions(result):
        print_table("Without a fraction", missing, console)
    print_table("Beside the paper's models (Table 3)", models_table(result), console)
    for fact, value in result.facts.items():
        console.print(f"{fact}: {value}", markup=False, highlight=False)
    for reason, count in result.skipped.items():
        console.print(f"left out: {count} {reason}", markup=False, highlight=False)
    for caveat in caveats:
        console.print(f"Caveat: {caveat}", style="dim", markup=False)


def _print_predictors(result: RepairResult, console: Console) -> dict[str, None]:
    """A line and the tables of every slice; the caveats, to be printed with the others."""
    caveats: dict[str, None] = {}
    for name in result.slices if result.predictors else ():
        errors, carried = measured(result, name)
        for model, one in carried.items():
            console.print(finding_of(model, errors[model], one), markup=False, highlight=False)
        for title, table in predictor_tables(result, name).items():
            print_table(title, table, console)
        caveats |= dict.fromkeys(predictor_caveats(errors))
    if result.predictors and result.without_predictor:
        console.print(without_text(result.without_predictor), markup=False, highlight=False)
    return caveats
