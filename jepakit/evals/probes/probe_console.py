"""A probe suite on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.evals.probes.probe_result import ProbeResult
from jepakit.evals.scores import METRICS


def print_probe(result: ProbeResult, console: Console | None = None) -> None:
    """Print the scores with their intervals, and what could not be scored."""
    console = console or Console()
    for metric, facts in METRICS.items():
        header, rows = result.table(metric)
        if not rows:
            continue
        direction = "higher" if facts.higher_is_better else "lower"
        table = Table(title=f"{facts.title} ({direction} is better)", title_justify="left")
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            # Text, not str: rich would read an interval's brackets as markup.
            cells = (Text(cell.replace(" [", "\n[")) for cell in row)
            table.add_row(*cells, end_section=True)
        console.print(table)
    for label in result.undefined:
        console.print(f"Not scored: {label.label} ({label.kind}): {label.reason}", markup=False)
    console.print(result.method_text(), style="dim", markup=False)
