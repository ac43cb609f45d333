"""A table from its files to its pictures: data, trainings, measures, comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jepakit.data.atomic import atomic_file
from jepakit.evals.tables.comparison import ComparisonSettings, SeedLevel
from jepakit.evals.tables.data_sets import make_data
from jepakit.evals.tables.definition import TableDefinition, read_table
from jepakit.evals.tables.facts import table_facts
from jepakit.evals.tables.report import write_table
from jepakit.evals.tables.result import TableResult, table_result
from jepakit.evals.tables.runner import TableRunner
from jepakit.evals.tables.runs import Planner, TablePlan
from jepakit.evals.tables.scale import Scale, read_scale
from jepakit.evals.tables.stage import locked
from jepakit.evals.tables.taken_over import take_over

TABLES = Path("configs/tables")
MARK = "about.json"


@dataclass(frozen=True)
class TableOptions:
    """How a table is made.

    Attributes:
        seeds: trainings of each row.
        rows: rows to train, by their keys; none takes all. Those to compare with come along.
        jobs: runs at a time.
        make: whether missing data sets are made.
        redo: whether runs of another recipe are deleted and trained anew.
        interval: how intervals treat seeds.
        out: folder of the table; ``runs/tables/TABLE_SCALE`` if not given.
    """

    seeds: int = 3
    rows: Sequence[str] = ()
    jobs: int = 1
    make: bool = True
    redo: bool = False
    interval: SeedLevel = "student"
    out: str | None = None


@dataclass
class MakeTable:
    """Everything of one table at one scale.

    Args:
        table: name of a file in configs/tables.
        scale: name of a file in configs/tables/scales.
        options: how.
        root: folder of train.py and evaluate.py.

    Raises:
        ValueError: no such table, scale or row, impossible numbers, or a folder that is not the
            repository's.
    """

    table: str
    scale: str
    options: TableOptions = field(default_factory=TableOptions)
    root: Path = field(default_factory=Path)

    def __post_init__(self) -> None:
        """Read the files and refuse what would fail late."""
        o = self.options
        if o.seeds < 1 or o.jobs < 1:
            raise ValueError(f"seeds and jobs must be at least 1, got {o.seeds} and {o.jobs}.")
        for program in ("train.py", "evaluate.py"):
            if not (self.root / program).exists():
                raise ValueError(f"There is no {program} here: start in the repository's folder.")
        self.definition: TableDefinition = read_table(self.root / TABLES / f"{self.table}.yaml")
        self.size: Scale = read_scale(self.root / TABLES / "scales" / f"{self.scale}.yaml")
        for name in o.rows:
            if not self.definition.row(name).trained:
                raise ValueError(f"Row '{name}' only quotes the paper; it is not trained.")
        self.out = o.out or f"runs/tables/{self.table}_{self.scale}"
        self.folder = self.root / self.out
        self.settings = ComparisonSettings(seeds=o.interval)
        self.planner = Planner(self.definition, self.size, root=self.root, out=self.out)

    def __call__(self) -> tuple[TableResult, list[Path]]:
        """Make what is missing, write the table whenever a run is through, and at the end.

        Runs that another table beside this one has trained are copied.

        Raises:
            ValueError: see the parts; nothing is trained then.
            KeyboardInterrupt: stopped; a second call goes on.
        """
        self._claim()
        with locked(self.folder / ".lock"):
            data = make_data(self.size, self.planner.needed(), self.root, make=self.options.make)
            plan = self.planner.plan(data, self.options.seeds)
            rows = self._rows()
            runner = TableRunner(
                plan.distinct(rows),
                root=self.root,
                locks=self.folder / "locks",
                jobs=self.options.jobs,
                threads=self.size.threads,
            )
            runner.refuse_changed(redo=self.options.redo)
            for name, table in take_over(runner.runs, self.folder.parent).items():
                print(f"{name} is copied from {table}, which trained the same", flush=True)  # noqa: T201
            runner.run(told=lambda: self._write(plan, data) and None)
            return self._write(plan, data)

    def _rows(self) -> set[str]:
        """What is trained: the reference, the rows asked for, and those they are compared with."""
        every = self.definition.trained
        asked = [row for row in every if not self.options.rows or row.identity in self.options.rows]
        others = {self.definition.compared_with(row) for row in asked}
        return {self.definition.reference} | others | {row.identity for row in asked}

    def _claim(self) -> None:
        """Mark the folder as this table's, or refuse that of another."""
        mark, own = self.folder / MARK, {"table": self.table, "scale": self.scale}
        if mark.exists():
            found = json.loads(mark.read_text())
            if found != own:
                raise ValueError(
                    f"{self.out} holds the table '{found.get('table')}' at scale "
                    f"'{found.get('scale')}', not '{self.table}' at '{self.scale}': choose another "
                    "--out."
                )
            return
        if self.folder.exists() and any(self.folder.iterdir()):
            raise ValueError(f"{self.out} is not empty and holds no table: choose another --out.")
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(mark) as stream:
            stream.write(json.dumps(own).encode())

    def _write(self, plan: TablePlan, data: dict[str, str]) -> tuple[TableResult, list[Path]]:
        runs = plan.distinct({row for row, _ in plan.runs})
        o = self.options
        facts = table_facts(self.size, runs, data, seeds=o.seeds, jobs=o.jobs)
        result = table_result(self.definition, plan, facts, self.settings)
        return result, write_table(result, self.folder, self.settings)
