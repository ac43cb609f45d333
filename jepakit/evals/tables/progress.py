"""How far a table is, and how long the rest may take."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from jepakit.evals.tables.stage import Record


class TimeLeft:
    """Wall seconds that remain, from the mean of what is done of each stage.

    Args:
        pending: stages to run, by name.
        jobs: how many run at a time.
        known: mean seconds of stages that earlier starts ran.
    """

    def __init__(self, pending: Counter[str], jobs: int, known: Mapping[str, float]) -> None:
        self.pending, self.jobs = Counter(pending), jobs
        self._known = dict(known)
        self._seconds: dict[str, list[float]] = {}

    def finished(self, stage: str, seconds: float) -> None:
        """One stage is over."""
        self.pending[stage] -= 1
        self._seconds.setdefault(stage, []).append(seconds)

    def dropped(self, stage: str) -> None:
        """One stage will not be run."""
        self.pending[stage] -= 1

    def seconds(self) -> float | None:
        """The estimate; None while a stage to come has not been timed."""
        total = 0.0
        for stage, count in self.pending.items():
            own = self._seconds.get(stage)
            mean = sum(own) / len(own) if own else self._known.get(stage)
            if count > 0 and mean is None:
                return None
            total += count * (mean or 0.0)
        return total / self.jobs


class TableProgress:
    """One bar for the whole table; away from a terminal, a line per finished stage."""

    def __init__(self, left: TimeLeft, console: Console | None = None) -> None:
        self.left, self.total = left, sum(left.pending.values())
        self.console = console or Console()
        self._lock, self._done = threading.Lock(), 0
        self._running: dict[str, str] = {}
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("table", total=self.total, left="")

    def __enter__(self) -> TableProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def starts(self, run: str, stage: str) -> None:
        """A stage begins."""
        with self._lock:
            self._running[run] = stage
            self._show()

    def ends(self, run: str, stage: str, record: Record, dropped: list[str]) -> None:
        """A stage is over, and with it those that needed it."""
        with self._lock:
            self._running.pop(run, None)
            self.left.finished(stage, record.wall_s)
            for other in dropped:
                self.left.dropped(other)
            self._done += 1 + len(dropped)
            failed = "" if record.state == "done" else f" FAILED ({record.message})"
            line = f"[{self._done}/{self.total}] {run} {stage}{failed}, {clock(record.wall_s)}"
            self.console.print(f"{line}{self._rest()}", markup=False, highlight=False)
            self._show()

    def _rest(self) -> str:
        seconds = self.left.seconds()
        return "" if seconds is None else f"; about {clock(seconds)} left"

    def _show(self) -> None:
        running = ", ".join(f"{run} {stage}" for run, stage in self._running.items())
        rest = self._rest().removeprefix("; ")
        self._bar.update(self._task, completed=self._done, description=running, left=rest)


def clock(seconds: float) -> str:
    """``2 h 05 min``, ``3 min 10 s`` or ``7 s``."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
