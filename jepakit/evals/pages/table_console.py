"""Tables of a report on the terminal."""

from __future__ import annotations

from typing import Literal

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from jepakit.evals.pages.report import Table


def print_table(title: str, table: Table, console: Console) -> None:
    """Print a table of a report."""
    grid = Grid(title=title, title_justify="left")
    for number, name in enumerate(table.header):
        justify: Literal["left", "right"] = "right" if number else "left"
        grid.add_column(name, justify=justify, no_wrap=not number, overflow="fold")
    for row in table.rows:
        # Text, not str: rich would read an interval's brackets as markup.
        cells = (Text(cell.replace(" [", "\n[")) for cell in row)
        grid.add_row(*cells, end_section=True)
    console.print(grid)
