"""The scale of a table: its data, the training that every row starts from, and the measures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jepakit.evals.tables.definition import read_mapping, refuse_unknown

PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class DataSet:
    """A folder that is read; ``make`` is a command that makes it at ``{path}``, if there is one."""

    name: str
    path: str
    make: str = ""


@dataclass(frozen=True)
class Measure:
    """An evaluation of a trained run.

    Attributes:
        name: of its folder in the run folder.
        command: of evaluate.py, without the run and ``--out``.
        scores: files below ``scores/`` by column.
    """

    name: str
    command: str
    scores: Mapping[str, str]


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    Attributes:
        name: of the file.
        about: one line on it, shown with the table.
        folder: of its data sets.
        data: made in this order.
        configs: files that every training starts from.
        options: options of train.py by dotted name, for every row.
        values: what ``{NAME}`` in options of rows stands for.
        measures: in this order.
        threads: of each command.
    """

    name: str
    about: str
    folder: str
    data: tuple[DataSet, ...]
    configs: tuple[str, ...]
    options: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()
    threads: int = 1

    def places(self) -> dict[str, str]:
        """What ``{NAME}`` in commands stands for: the folder, and each data set's."""
        return {"folder": self.folder} | {data.name: data.path for data in self.data}

    def fill(self, text: str) -> str:
        """The text with its places filled.

        Raises:
            ValueError: there is no such place.
        """
        known = self.places()
        for name in PLACE.findall(text):
            if name not in known:
                raise ValueError(
                    f"Scale '{self.name}': {text!r} names {{{name}}}; known are {sorted(known)}."
                )
        return PLACE.sub(lambda match: known[match[1]], text)

    def used(self, text: str) -> list[DataSet]:
        """Data sets that a text names."""
        names = PLACE.findall(text)
        return [data for data in self.data if data.name in names]


def read_scale(path: Path) -> Scale:
    """The scale of a YAML file.

    Raises:
        ValueError: no such file, unknown keys, or places that nothing fills.
    """
    content = read_mapping(path)
    train = content.pop("train")
    refuse_unknown(path, train, {"configs", "options"})
    known = {"about", "folder", "data", "values", "measures", "threads"}
    refuse_unknown(path, content, known)
    folder = content["folder"]
    data = []
    for name, entry in content.pop("data", {}).items():
        refuse_unknown(path, entry, {"make", "path"})
        data.append(DataSet(name, entry.get("path", f"{folder}/{name}"), entry.get("make", "")))
    measures = []
    for name, entry in content.pop("measures", {}).items():
        refuse_unknown(path, entry, {"command", "scores"})
        measures.append(Measure(name, entry["command"], entry["scores"]))
    scale = Scale(
        path.stem,
        data=tuple(data),
        configs=tuple(train["configs"]),
        options=train.get("options", {}),
        measures=tuple(measures),
        **content,
    )
    texts = [*map(str, scale.options.values()), *(measure.command for measure in measures)]
    for text in texts:
        scale.fill(text)
    return scale
