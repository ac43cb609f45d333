"""Trains and measures all rows of a table; stop it at any time and start it again."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from jepakit.evals.tables.progress import TableProgress, TimeLeft
from jepakit.evals.tables.runs import TableRun
from jepakit.evals.tables.stage import TRAIN, Commands, Record, Stage, locked, seconds_by_name


class TableRunner:
    """Runs what is pending, several runs at a time.

    Args:
        runs: in order.
        root: folder that commands run in.
        locks: folder of the lock files.
        jobs: runs at a time.
        threads: of each command.
    """

    def __init__(
        self, runs: list[TableRun], *, root: Path, locks: Path, jobs: int = 1, threads: int = 1
    ) -> None:
        if jobs < 1:
            raise ValueError(f"jobs must be at least 1, got {jobs}.")
        self.runs, self.locks, self.jobs = runs, locks, jobs
        self.commands = Commands(root, threads=threads)

    def refuse_changed(self, *, redo: bool) -> None:
        """Refuse runs of another recipe, or delete them.

        Raises:
            ValueError: there are some, and they are not to be deleted.
        """
        changed = [run for run in self.runs if run.changed()]
        if changed and not redo:
            names = ", ".join(run.name for run in changed)
            raise ValueError(
                f"The recipe or the data of {names} changed since they were trained. Delete and "
                "train them anew with --redo, or choose another --out."
            )
        for run in changed:
            with locked(self.locks / f"{run.name}.lock"):
                run.forget()

    def run(self, told: Callable[[], None] | None = None) -> None:
        """Run all pending stages.

        Args:
            told: called in this thread whenever a run is through.

        Raises:
            KeyboardInterrupt: stopped by Ctrl-C or SIGTERM, after all commands have ended.
        """
        pending = [run for run in self.runs if run.pending()]
        names = Counter(stage.name for run in pending for stage in run.pending())
        records: dict[str, list[Record]] = {}
        for run in self.runs:
            for name, record in run.records().items():
                records.setdefault(name, []).append(record)
        left = TimeLeft(names, min(self.jobs, max(1, len(pending))), seconds_by_name(records))
        with TableProgress(left) as progress, ThreadPoolExecutor(self.jobs) as pool, _ended():
            jobs = [pool.submit(self._through, run, progress) for run in pending]
            try:
                for job in as_completed(jobs):
                    job.result()
                    if told is not None:
                        told()
            except BaseException:
                self.commands.stop()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _through(self, run: TableRun, progress: TableProgress) -> None:
        """All pending stages of a run; without a trained model there is nothing to measure."""
        stages = run.pending()
        lock = self.locks / f"{run.name}.lock"
        with locked(lock, waits=lambda: not self.commands.stopped) as held:
            for number, stage in enumerate(stages):
                if held is None or self.commands.stopped:
                    return
                record = self._one(run, stage, held, progress)
                if record is None:
                    return
                lost = record.state != "done" and stage.name == TRAIN
                after = [other.name for other in stages[number + 1 :]] if lost else []
                progress.ends(run.name, stage.name, record, after)
                if lost:
                    return

    def _one(
        self, run: TableRun, stage: Stage, lock: int, progress: TableProgress
    ) -> Record | None:
        progress.starts(run.name, stage.name)
        return self.commands.run(stage, run.folder, lock)


@contextmanager
def _ended() -> Iterator[None]:
    """SIGTERM and a closed terminal end the program as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    kinds = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(kind, interrupt) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
