"""``metrics.csv`` of a run: one line per value, appended, exact, cut to the point of resumption."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

HEADER = ("step", "name", "value")


class MetricsFile(Logger):
    """Appends ``step,name,value``; ``step`` counts finished optimizer steps before the logged one.

    Lightning's CSVLogger rewrites its file for each new column and deletes it on resume.

    Attributes:
        latest: last value of each name, for displays.
    """

    def __init__(self, path: Path) -> None:
        """Write to ``path``, from the first value on."""
        super().__init__()
        self.path = path
        self.latest: dict[str, float] = {}

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.path.parent.name

    @property
    def version(self) -> str:
        """Runs have no versions."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: ``config.yaml`` has them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float | int], step: int | None = None) -> None:
        """Append the values of a step."""
        values = {name: float(value) for name, value in metrics.items() if name != "epoch"}
        self.latest |= values
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(HEADER)
            writer.writerows((step, name, repr(value)) for name, value in values.items())

    @rank_zero_only
    def rewind(self, step: int) -> None:
        """Drop what a killed run logged at ``step`` and later; it is going to be logged again."""
        if not self.path.exists():
            return
        with self.path.open(newline="") as file:
            rows = [row for row in csv.reader(file) if len(row) == len(HEADER)]
        kept = [row for row in rows[1:] if int(row[0]) < step]
        temporary = self.path.with_name(self.path.name + ".rewound")
        with temporary.open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *kept])
        temporary.replace(self.path)


def read_metrics(path: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values of each name in a ``metrics.csv``."""
    curves: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            steps, values = curves[row["name"]]
            steps.append(int(row["step"]))
            values.append(float(row["value"]))
    return dict(curves)
