"""A PHYRE evaluation on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.evals.phyre.result import PhyreResult


def print_phyre(result: PhyreResult, console: Console | None = None) -> None:
    """Print the table with its intervals, and how it was measured."""
    console = console or Console()
    header, rows = result.table()
    table = Table(title=f"{result.title()} (higher is better)", title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left", no_wrap=not number)
    for row in rows:
        # Text, not str: rich would read an interval's brackets as markup.
        cells = (Text(cell.replace(" [", "\n[")) for cell in row)
        table.add_row(*cells, end_section=True)
    console.print(table)
    for name, value in result.source.items():
        console.print(f"{name}: {value}", markup=False, highlight=False)
    console.print(result.method_text(), style="dim", markup=False)
