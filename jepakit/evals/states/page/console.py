"""A study of state variables on the terminal."""

from __future__ import annotations

from rich.console import Console

from jepakit.evals.pages.table_console import print_table
from jepakit.evals.states.page.layer_names import short_name
from jepakit.evals.states.page.paper_values import published_for
from jepakit.evals.states.page.ratio_text import RATIO_NOTE
from jepakit.evals.states.page.study_summary import summary_of
from jepakit.evals.states.page.study_tables import (
    effects_table,
    impossible_table,
    patching_table,
    portability_table,
    undefined_table,
)
from jepakit.evals.states.result import StudyResult


def print_study(result: StudyResult, console: Console | None = None) -> None:
    """Print where the variable can be read, the tables, what is undefined, and every caveat."""
    console = console or Console()
    paper = published_for(result.facts)
    console.print(_reading(result), markup=False, highlight=False)
    print_table("What removing it does", effects_table(result, paper), console)
    console.print(RATIO_NOTE, style="dim", markup=False)
    if result.p_value is not None:
        told = f"Permuted labels: p = {result.p_value:.3g} of {len(result.null)} permutations."
        console.print(told, markup=False, highlight=False)
    if result.success:
        print_table("Patching", patching_table(result, paper), console)
    if result.portable:
        print_table("Portability", portability_table(result, paper), console)
    for missing in (*impossible_table(result), *undefined_table(result)):
        print_table("Not measured", missing, console)
    for name, value in result.facts.items():
        console.print(f"{name}: {value}", markup=False, highlight=False)
    for caveat in result.caveats:
        console.print(f"Caveat: {caveat}", style="dim", markup=False)


def _reading(result: StudyResult) -> str:
    """Where it can be read, in a line."""
    found = summary_of(result)
    chosen = ", ".join(dict.fromkeys(short_name(layer) for layer in result.chosen))
    return (
        f"Held-out accuracy {found.best_accuracy:.3f} at {found.best_layers} (chance "
        f"{result.chance:.3f}); onset: {found.onset}; intervened at {chosen}."
    )
