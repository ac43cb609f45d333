"""Image probes on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jepakit.evals.images.image_result import ACCURACIES, ImageResult


def print_images(result: ImageResult, console: Console | None = None) -> None:
    """Print the accuracies with their intervals, and how they were measured."""
    console = console or Console()
    for accuracy, title in ACCURACIES.items():
        header, rows = result.table(accuracy)
        if not rows:
            continue
        table = Table(title=f"{title}, {result.classes} classes", title_justify="left")
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            # Text, not str: rich would read an interval's brackets as markup.
            cells = (Text(cell.replace(" [", "\n[")) for cell in row)
            table.add_row(*cells, end_section=True)
        console.print(table)
    for name, value in result.source.items():
        console.print(f"{name}: {value}", markup=False, highlight=False)
    console.print(result.method_text(), style="dim", markup=False)
