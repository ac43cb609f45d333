"""A table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.evals.tables.report import difference_cell, value_cell
from jepakit.evals.tables.result import TableResult


def print_table(result: TableResult, console: Console | None = None) -> None:
    """Print values with differences below them, what failed, and under what conditions."""
    console = console or Console()
    shown = Table(title=result.table.title, title_justify="left")
    shown.add_column("row")
    for column in result.table.columns:
        shown.add_column(column.title, justify="right")
    for row in result.table.rows:
        cells = [row.name]
        for column in result.table.columns:
            value, gap = (say(result, row, column) for say in (value_cell, difference_cell))
            paper = result.cells[row.identity, column.identity].paper
            quoted = [] if paper is None else [f"paper {paper:.3f}"]
            lines = [value, *([gap] if gap != value else []), *quoted]
            cells.append("\n".join(line.replace("**", "") for line in lines if line))
        shown.add_row(*(Text(cell.replace(" [", "\n[")) for cell in cells), end_section=True)
    console.print(shown)
    for name, message in result.failures.items():
        console.print(f"Failed: {name}: {message}", style="red", markup=False)
    for name, text in result.facts.items():
        console.print(f"{name.capitalize()}: {text}.", style="dim", markup=False)
