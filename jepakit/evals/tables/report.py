"""A table as Markdown, JSON and pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from jepakit.evals.figures.style import to_png
from jepakit.evals.statistics import Interval
from jepakit.evals.tables.comparison import ComparisonSettings
from jepakit.evals.tables.definition import Column, Row
from jepakit.evals.tables.facts import SEEDS_TEXT
from jepakit.evals.tables.figure import difference_figure
from jepakit.evals.tables.result import Cell, TableResult

FORMAT = "jepakit.table/1"


def write_table(result: TableResult, folder: Path, settings: ComparisonSettings) -> list[Path]:
    """Write table.md, table.json and, where rows can be compared, table.png and table_dark.png."""
    files = [folder / "table.md", folder / "table.json"]
    files[0].write_text(to_markdown(result, settings), encoding="utf-8")
    files[1].write_text(to_json(result, settings), encoding="utf-8")
    if any(cell.difference for cell in result.cells.values()):
        figure = difference_figure(result)
        for name, theme in (("table.png", "light"), ("table_dark.png", "dark")):
            files.append(folder / name)
            files[-1].write_bytes(to_png(figure, theme="dark" if theme == "dark" else "light"))
    return files


def to_json(result: TableResult, settings: ComparisonSettings) -> str:
    """Every number, with names."""
    content = {
        "format": FORMAT,
        "title": result.table.title,
        "reference": result.table.reference,
        "columns": [
            asdict(column)
            | dict(
                zip(
                    ("metric", "higher_is_better"),
                    result.metrics.get(column.identity, (None, None)),
                    strict=True,
                )
            )
            for column in result.table.columns
        ],
        "rows": [asdict(row) for row in result.table.rows],
        "cells": [asdict(cell) for cell in result.cells.values()],
        "failures": result.failures,
        "facts": result.facts,
        "settings": asdict(settings),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(result: TableResult, settings: ComparisonSettings) -> str:
    """Values, differences, what failed, and how it was made."""
    table = result.table
    reference = table.row(table.reference)
    lines = [f"# {table.title}", ""]
    lines += [f"- **{name}**: {text}" for name, text in result.facts.items()]
    lines += ["", *_grid(result, value_cell), "", f"## Difference to: {reference.name}", ""]
    lines += [*_grid(result, difference_cell), "", _method(settings)]
    notes = [f"- {row.name}: {row.note}." for row in table.rows if row.note]
    notes += [
        f"- {row.name}: compared with {table.row(row.against).name}."
        for row in table.rows
        if row.against
    ]
    notes += [f"- {row.name}: not trained by us." for row in table.rows if not row.trained]
    notes += [
        f"- {table.row(row).name}: the same recipe as {table.row(owner).name} at this scale, so "
        "that they share their runs."
        for row, owner in result.shared.items()
    ]
    if result.missing:
        names = ", ".join(table.row(name).name for name in result.missing)
        notes.append(f"- Not run, or not to its end: {names}.")
    lines += ["", *([table.note, ""] if table.note else []), *notes]
    if result.failures:
        lines += ["", "## Failed", ""]
        lines += [f"- `{name}`: {message}" for name, message in result.failures.items()]
    return "\n".join(lines).rstrip() + "\n"


def value_cell(result: TableResult, row: Row, column: Column) -> str:
    """``0.512 [0.480, 0.544]``, with the number of seeds where some are missing."""
    cell = result.cells[row.identity, column.identity]
    if cell.value is None:
        return _without(result, row, column)
    few = len(cell.by_seed) < result.seeds
    return f"{cell.value} ({len(cell.by_seed)} of {result.seeds} seeds)" if few else f"{cell.value}"


def difference_cell(result: TableResult, row: Row, column: Column) -> str:
    """``-0.031 [-0.050, -0.012] yes``: whether the sign is the paper's or the expected one."""
    cell = result.cells[row.identity, column.identity]
    if row.identity == result.table.reference:
        return ""
    if cell.difference is None:
        return _without(result, row, column)
    return (
        f"{signed(cell.difference)} {f'**{cell.reproduced}**' if cell.reproduced else ''}".strip()
    )


def paper_cell(cell: Cell, *, difference: bool) -> str:
    """The paper's value or difference."""
    value = cell.paper_difference if difference else cell.paper
    if value is None or (difference and not value):
        return ""
    return f"{value:+.3f}" if difference else f"{value:.3f}"


def signed(interval: Interval) -> str:
    """With a sign before each number; a point without its interval, exactly 0 without a sign."""
    estimate, low, high = (
        round(value, 3) + 0.0 for value in (interval.estimate, interval.low, interval.high)
    )
    if interval.low == interval.high:
        return f"{estimate:+.3f}" if interval.estimate else "0"
    return f"{estimate:+.3f} [{low:+.3f}, {high:+.3f}]"


def _without(result: TableResult, row: Row, column: Column) -> str:
    if not row.trained:
        return ""
    if column.identity not in result.metrics:
        return "–"
    failed = any(name.startswith(f"{row.identity}-s") for name in result.failures)
    return "failed" if failed else "not run"


def _grid(result: TableResult, shown: object) -> list[str]:
    difference = shown is difference_cell
    header, marks = ["row"], ["---"]
    for column in result.table.columns:
        metric = result.metrics.get(column.identity)
        arrow = "" if metric is None else " ↑" if metric[1] else " ↓"
        if _quoted(result, column):
            header.append(f"paper: {column.paper or column.title}")
            marks.append("---:")
        header.append(f"{column.title}{arrow}")
        marks.append("---:")
    lines = [f"| {' | '.join(header)} |", f"|{'|'.join(marks)}|"]
    for row in result.table.rows:
        words = [row.name]
        for column in result.table.columns:
            cell = result.cells[row.identity, column.identity]
            if _quoted(result, column):
                words.append(paper_cell(cell, difference=difference))
            say = difference_cell if difference else value_cell
            words.append(say(result, row, column))
        lines.append(f"| {' | '.join(words)} |")
    return lines


def _quoted(result: TableResult, column: Column) -> bool:
    return any(column.identity in row.paper for row in result.table.rows)


def _method(settings: ComparisonSettings) -> str:
    return (
        f"Means over seeds with {settings.confidence:.0%} intervals: "
        f"{SEEDS_TEXT[settings.seeds]} ({settings.draws} draws). A difference is taken seed by "
        "seed and item by item. **yes**: it has the sign of the paper's difference (or the "
        "expected one where the paper has none) and its interval excludes 0; **no**: the other "
        "sign, and excludes 0; **open**: the interval includes 0. Nothing is corrected for the "
        "number of rows."
    )
