"""Runs that another table has trained already, of the same recipe, seed and data."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from jepakit.evals.tables.runs import TableRun
from jepakit.evals.tables.stage import TRAIN, Record, Stage, StageFolder, locked

PARTS = ("measures", "stages", "logs")


def take_over(runs: Iterable[TableRun], tables: Path) -> dict[str, str]:
    """Copy finished runs of other tables to where this one would train them.

    With a training come those of its measures that are done as this table describes them. Runs
    that have begun here stay as they are, and so do runs that somebody else is at work on.

    Args:
        runs: of this table, whose folder no other process writes to.
        tables: folder of tables.

    Returns:
        Names of the runs and of the tables that they come from.
    """
    sources: dict[str, list[Path]] = {}
    for folder in sorted(tables.glob("*/runs/*")):
        if record := StageFolder(folder).record(TRAIN):
            sources.setdefault(record.fingerprint, []).append(folder)
    taken: dict[str, str] = {}
    for run in runs:
        for source in sources.get(run.stages[0].fingerprint, []):
            if run.folder.run.exists() or _done(source, run, run.stages[0]) is None:
                continue
            table = source.parents[1]
            with locked(table / "locks" / f"{source.name}.lock", waits=lambda: False) as held:
                if held is not None:
                    _copy(source, run, table.name)
                    taken[run.name] = table.name
    return taken


def _done(source: Path, run: TableRun, stage: Stage) -> Record | None:
    """The record of a stage of ``run`` that ``source`` has done as it is described there."""
    folder = StageFolder(source)
    products = tuple(source / path.relative_to(run.folder.run) for path in stage.products)
    done = folder.is_done(replace(stage, products=products))
    return folder.record(stage.name) if done else None


def _copy(source: Path, run: TableRun, table: str) -> None:
    """Whole or not at all: under another name first."""
    place = run.folder.run
    building = place.with_name(f".{place.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    shutil.copytree(source, building, ignore=shutil.ignore_patterns(*PARTS))
    for stage in run.stages:
        record = _done(source, run, stage)
        if record is not None:
            if stage.name != TRAIN:
                part = Path("measures") / stage.name
                shutil.copytree(source / part, building / part)
            StageFolder(building).write(stage.name, replace(record, taken_from=table))
    building.rename(place)
