"""``evaluate.py table``: trains and measures every row of a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Literal


def table(
    name: str,
    *,
    scale: str = "tiny",
    seeds: int = 3,
    rows: Sequence[str] = (),
    jobs: int = 1,
    make: bool = True,
    redo: bool = False,
    interval: Literal["student", "bootstrap"] = "student",
    out: str | None = None,
) -> None:
    """Train and measure every row of a table, and compare them with intervals.

    Goes on where it was stopped. Writes table.md, table.json and table.png, also while it runs.
    Tables are files of configs/tables, scales of configs/tables/scales.

    Args:
        name: The table, such as ablations or main.
        scale: How large everything is, such as tiny (2 CPU cores), small (one GPU) or paper.
        seeds: Trainings of each row, with seeds 0, 1 and so on.
        rows: Rows to train, by their keys in the file; by default all.
        jobs: Runs at a time; several may share a GPU.
        make: Make data sets that are missing.
        redo: Delete runs whose recipe or data changed, and train them anew.
        interval: Seeds by Student's t, or by the bootstrap, which is too narrow with few seeds.
        out: Folder of the table; runs/tables/NAME_SCALE if not given.
    """
    from jepakit.evals.tables.console import print_table
    from jepakit.evals.tables.make_table import MakeTable, TableOptions

    options = TableOptions(seeds, tuple(rows), jobs, make, redo, interval, out)
    try:
        result, files = MakeTable(name, scale, options)()
    except ValueError as error:
        sys.exit(f"evaluate.py table: {error}")
    print_table(result)
    print("Written:", *files)  # noqa: T201
    if result.failures:
        sys.exit(f"evaluate.py table: {len(result.failures)} stages failed; the logs are in runs/.")
