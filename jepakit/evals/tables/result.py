"""What a table says: a cell per row and column, beside what the paper says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.statistics import Interval
from jepakit.evals.tables.comparison import (
    ComparisonSettings,
    Verdict,
    mean_over_seeds,
    paired_difference,
    verdict,
)
from jepakit.evals.tables.definition import Row, TableDefinition
from jepakit.evals.tables.runs import TablePlan, TableRun

SIGN = {"better": 1.0, "worse": -1.0}


@dataclass(frozen=True)
class Cell:
    """One row by one metric.

    Attributes:
        row: identity.
        column: identity.
        paper: the paper's value.
        paper_difference: to the paper's value of the reference.
        by_seed: ours, by seed; seeds without a value are not there.
        value: ours, mean over seeds.
        difference: ours to the row it is compared with, on the seeds that both have.
        reproduced: whether its sign is the paper's, or the expected one; None where neither the
            paper nor the table says any, and after a single training of each.
        problem: why scores that are there cannot be compared.
    """

    row: str
    column: str
    paper: float | None
    paper_difference: float | None
    by_seed: dict[int, float]
    value: Interval | None
    difference: Interval | None
    reproduced: Verdict | None
    problem: str = ""


@dataclass(frozen=True)
class TableResult:
    """All cells, and what went wrong.

    Attributes:
        table: rows and columns.
        cells: by row and column.
        metrics: name of each column's metric, and whether a higher one is better.
        failures: last words by run and stage.
        missing: trained rows without any value.
        shared: rows that have the recipe of an earlier one, and so its runs.
        seeds: trainings that each row is to have.
        facts: scale, seeds, data, hardware and time, in words.
    """

    table: TableDefinition
    cells: dict[tuple[str, str], Cell]
    metrics: dict[str, tuple[str, bool]]
    failures: dict[str, str]
    missing: tuple[str, ...]
    shared: dict[str, str]
    seeds: int
    facts: dict[str, str]


def table_result(
    table: TableDefinition,
    plan: TablePlan,
    facts: dict[str, str],
    settings: ComparisonSettings | None = None,
) -> TableResult:
    """Read every score that is there, and compare."""
    settings = settings or ComparisonSettings()
    cells: dict[tuple[str, str], Cell] = {}
    metrics: dict[str, tuple[str, bool]] = {}
    for column in (column.identity for column in table.columns):
        found = {row.identity: _scores(plan, row, column) for row in table.rows}
        known = [scores for own in found.values() for scores in own.values()]
        if known:
            metrics[column] = known[0].metric, known[0].higher_is_better
        for row in table.rows:
            own, other = found[row.identity], found[table.compared_with(row)]
            cells[row.identity, column] = _cell(table, row, column, own, other, settings)
    missing = tuple(
        row.identity
        for row in table.trained
        if not any(cells[row.identity, c.identity].value for c in table.columns)
    )
    failures = _failures(plan)
    failures |= {f"{c.row} {c.column}": c.problem for c in cells.values() if c.problem}
    shared = {row: run.owner for (row, seed), run in plan.runs.items() if run.owner != row}
    seeds = len({seed for _, seed in plan.runs})
    return TableResult(table, cells, metrics, failures, missing, shared, seeds, facts)


def _scores(plan: TablePlan, row: Row, column: str) -> dict[int, ItemScores]:
    """By seed."""
    found: dict[int, ItemScores] = {}
    for (identity, seed), run in plan.runs.items():
        scores = run.scores(column) if identity == row.identity else None
        if scores is not None:
            found[seed] = scores
    return found


def _cell(
    table: TableDefinition,
    row: Row,
    column: str,
    own: dict[int, ItemScores],
    reference: dict[int, ItemScores],
    settings: ComparisonSettings,
) -> Cell:
    paper, full = row.paper.get(column), table.row(table.reference).paper.get(column)
    gap = None if paper is None or full is None else paper - full
    shared = sorted(own.keys() & reference.keys())
    value, difference, reproduced, problem = None, None, None, ""
    try:
        value = mean_over_seeds(list(own.values()), settings) if own else None
        if shared and row.identity != table.reference:
            pairs = [own[seed] for seed in shared], [reference[seed] for seed in shared]
            difference = paired_difference(*pairs, settings)
            expected = _expected(row, gap, higher_is_better=pairs[0][0].higher_is_better)
            several = len(shared) > 1  # one training says nothing of others
            reproduced = verdict(difference, expected) if expected and several else None
    except ValueError as error:  # such as other items: the row's own trouble, not the table's
        problem = str(error)
    by_seed = {seed: scores.mean for seed, scores in own.items()}
    return Cell(row.identity, column, paper, gap, by_seed, value, difference, reproduced, problem)


def _expected(row: Row, paper: float | None, *, higher_is_better: bool) -> float | None:
    """Sign of the difference: the paper's, or that of the row."""
    if paper is not None or row.expected is None:
        return paper
    return SIGN[row.expected] * (1 if higher_is_better else -1)


def _failures(plan: TablePlan) -> dict[str, str]:
    runs: Sequence[TableRun] = plan.distinct({row for row, _ in plan.runs})
    return {
        f"{run.name} {stage}": message for run in runs for stage, message in run.failures().items()
    }
