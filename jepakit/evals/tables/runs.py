"""The runs of a table: a folder per recipe and seed, and the stages that each goes through."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.tables.definition import Row, TableDefinition
from jepakit.evals.tables.recipe import Recipe, digest
from jepakit.evals.tables.scale import Measure, Scale
from jepakit.evals.tables.stage import TRAIN, Record, Stage, StageFolder

FORMAT = "jepakit.table_run/1"


@dataclass(frozen=True)
class TableRun:
    """One training and what is measured of it.

    Attributes:
        owner: identity of the row that the folder is named after.
        seed: of the training.
        folder: of its stages; the run folder.
        stages: the training, then the measures.
        measures: of these stages.
    """

    owner: str
    seed: int
    folder: StageFolder
    stages: tuple[Stage, ...]
    measures: Mapping[str, Measure]

    @property
    def name(self) -> str:
        """Row and seed."""
        return f"{self.owner}-s{self.seed}"

    def pending(self) -> list[Stage]:
        """Stages that are not done."""
        return [stage for stage in self.stages if not self.folder.is_done(stage)]

    def changed(self) -> bool:
        """Whether the folder holds a run of another recipe, or of none that is known."""
        record = self.folder.record(TRAIN)
        if record is None:
            return (self.folder.run / "config.yaml").exists()
        return record.fingerprint != self.stages[0].fingerprint

    def forget(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder.run, ignore_errors=True)

    def scores(self, column: str) -> ItemScores | None:
        """What was measured for a column; None where it is not done, or not measured at all."""
        for stage in self.stages[1:]:
            file = self.measures[stage.name].scores.get(column)
            if file is not None and self.folder.is_done(stage) and not self.changed():
                return ItemScores.read(self.folder.run / "measures" / stage.name / "scores" / file)
        return None

    def records(self) -> dict[str, Record]:
        """Records of the stages as they are described now, by name."""
        known = {stage.name: self.folder.record(stage.name) for stage in self.stages}
        wanted = {stage.name: stage.fingerprint for stage in self.stages}
        return {n: r for n, r in known.items() if r is not None and r.fingerprint == wanted[n]}

    def failures(self) -> dict[str, str]:
        """Last words of the stages that failed, by name."""
        return {n: r.message for n, r in self.records().items() if r.state == "failed"}


@dataclass(frozen=True)
class TablePlan:
    """All runs of a table.

    Attributes:
        runs: by identity of the row and seed; rows of one recipe share theirs.
        needed: names of the data sets that are read.
    """

    runs: Mapping[tuple[str, int], TableRun]
    needed: frozenset[str]

    def distinct(self, rows: set[str]) -> list[TableRun]:
        """The runs of some rows, each once: seed by seed, rows in order."""
        seeds = sorted({seed for _, seed in self.runs})
        found = {
            run.name: run
            for seed in seeds
            for (row, own), run in self.runs.items()
            if own == seed and row in rows
        }
        return list(found.values())


class Planner:
    """Makes the plan of a table at a scale.

    Args:
        table: whose rows.
        scale: how large.
        root: folder that commands run in.
        out: folder of the table, from there.
    """

    def __init__(self, table: TableDefinition, scale: Scale, *, root: Path, out: str) -> None:
        self.table, self.scale, self.root, self.out = table, scale, root, out
        self.recipes = {row.identity: Recipe.of(row, scale, root) for row in table.trained}
        columns = {column.identity for column in table.columns}
        self.measures = tuple(m for m in scale.measures if columns & set(m.scores))
        if not self.measures:
            raise ValueError(
                f"The scale '{scale.name}' measures none of the columns of '{table.name}', which "
                f"are {', '.join(sorted(columns))}: give it a measure, or choose another scale."
            )

    def needed(self) -> set[str]:
        """Names of the data sets that trainings and measures read."""
        texts = [recipe.texts() for recipe in self.recipes.values()]
        texts += [measure.command for measure in self.measures]
        return {data.name for text in texts for data in self.scale.used(text)}

    def plan(self, fingerprints: Mapping[str, str], seeds: int) -> TablePlan:
        """All runs.

        Args:
            fingerprints: of the needed data sets.
            seeds: trainings of each row: seeds 0, 1, ...
        """
        runs: dict[tuple[str, int], TableRun] = {}
        owners: dict[str, str] = {}
        for row in self.table.trained:
            recipe = self.recipes[row.identity]
            owner = owners.setdefault(digest(recipe.content), row.identity)
            for seed in range(seeds):
                shared = runs.get((owner, seed))
                runs[row.identity, seed] = shared or self._run(row, recipe, seed, fingerprints)
        return TablePlan(runs, frozenset(fingerprints))

    def _run(
        self, row: Row, recipe: Recipe, seed: int, fingerprints: Mapping[str, str]
    ) -> TableRun:
        name = f"{row.identity}-s{seed}"
        place = Path(self.out) / "runs" / name
        words = ("train.py", *recipe.arguments(self.scale), f"--seed_everything={seed}")
        words += (f"--name={name}", f"--runs={self.out}/runs", "--resume=auto")
        data = {data.name: fingerprints[data.name] for data in self.scale.used(recipe.texts())}
        trained = digest(FORMAT, recipe.content, seed, data)
        folder = StageFolder(self.root / place)
        last = folder.run / "checkpoints" / "last.ckpt"
        stages = [Stage(TRAIN, words, trained, (last,))]
        for measure in self.measures:
            stages.append(self._measure(measure, place, trained, fingerprints))
        known = {measure.name: measure for measure in self.measures}
        return TableRun(row.identity, seed, folder, tuple(stages), known)

    def _measure(
        self, measure: Measure, place: Path, trained: str, fingerprints: Mapping[str, str]
    ) -> Stage:
        command, *words = shlex.split(self.scale.fill(measure.command))
        out = place / "measures" / measure.name
        data = {data.name: fingerprints[data.name] for data in self.scale.used(measure.command)}
        return Stage(
            measure.name,
            ("evaluate.py", command, str(place), *words, "--out", str(out)),
            digest(FORMAT, trained, measure.command, data),
            tuple(self.root / out / "scores" / file for file in measure.scores.values()),
        )
