"""The rows of a table: what is trained for each, and what the paper says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import yaml

Expected = Literal["better", "worse"]


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        identity: its key in the file, and in names of folders.
        name: as it is shown.
        configs: files laid over the scale's configurations, in this order.
        options: options of train.py by dotted name, after all files; ``{NAME}`` takes a value of
            the scale.
        trained: whether it is trained here; otherwise it only quotes the paper.
        paper: the paper's value by column.
        expected: how it should compare to the reference where the paper has no value.
        against: the row that it is compared with, where that is not the table's reference.
        note: said below the table.
    """

    identity: str
    name: str
    configs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    trained: bool = True
    paper: Mapping[str, float] = field(default_factory=dict)
    expected: Expected | None = None
    against: str = ""
    note: str = ""


@dataclass(frozen=True)
class Column:
    """What is measured: ``identity`` is its key in the files, ``paper`` the paper's name of it."""

    identity: str
    title: str
    paper: str = ""


@dataclass(frozen=True)
class TableDefinition:
    """A table as its file describes it.

    Attributes:
        name: of the file.
        title: of the table.
        reference: identity of the row that the others are compared with.
        columns: in order.
        rows: in order.
        note: said below the table.
    """

    name: str
    title: str
    reference: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""

    def row(self, identity: str) -> Row:
        """One of the rows.

        Raises:
            ValueError: there is no such row.
        """
        for row in self.rows:
            if row.identity == identity:
                return row
        raise ValueError(
            f"The table '{self.name}' has no row '{identity}'; its rows are "
            f"{', '.join(row.identity for row in self.rows)}."
        )

    def compared_with(self, row: Row) -> str:
        """Identity of the row that ``row`` is compared with."""
        return row.against or self.reference

    @property
    def trained(self) -> tuple[Row, ...]:
        """Rows that are trained here, the reference first."""
        own = [row for row in self.rows if row.trained]
        return tuple(sorted(own, key=lambda row: row.identity != self.reference))


def read_table(path: Path) -> TableDefinition:
    """The table of a YAML file.

    Raises:
        ValueError: no such file, unknown keys, or a row to compare with that is not trained.
    """
    content = read_mapping(path)
    columns = _parts(path, Column, content.pop("columns", {}))
    rows = _parts(path, Row, content.pop("rows", {}))
    refuse_unknown(path, content, {"title", "reference", "note"})
    table = TableDefinition(path.stem, columns=columns, rows=rows, **content)
    for other in {table.compared_with(row) for row in rows} | {table.reference}:
        if not table.row(other).trained:
            raise ValueError(f"{path}: '{other}' has to be a trained row to compare others with.")
    for row in rows:
        unknown = sorted(set(row.paper) - {column.identity for column in columns})
        if unknown:
            raise ValueError(f"{path}: row '{row.identity}' has values for no column: {unknown}.")
    return table


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping of a YAML file.

    Raises:
        ValueError: no such file, or something else than a mapping in it.
    """
    if not path.exists():
        there = sorted(found.stem for found in path.parent.glob("*.yaml"))
        raise ValueError(f"There is no {path}; choose among {there or 'nothing'}.")
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a mapping, came {type(content).__name__}.")
    return content


def refuse_unknown(path: Path, content: Mapping[str, Any], known: set[str]) -> None:
    """Refuse keys that nothing reads.

    Raises:
        ValueError: there are some.
    """
    unknown = sorted(set(content) - known)
    if unknown:
        raise ValueError(f"{path} has unknown keys {unknown}; known are {sorted(known)}.")


def _parts(
    path: Path, kind: type[Any], entries: Mapping[str, Mapping[str, Any]]
) -> tuple[Any, ...]:
    known = {part.name for part in fields(kind)} - {"identity"}
    parts = []
    for identity, entry in entries.items():
        refuse_unknown(path, entry, known)
        values = dict(entry)
        if "configs" in values:
            values["configs"] = tuple(values["configs"])
        parts.append(kind(identity=identity, **values))
    return tuple(parts)
