"""Progress of a job on the terminal: clips made, clips per second, time left."""

from __future__ import annotations

from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class RateColumn(ProgressColumn):
    """Clips per second."""

    def render(self, task: Task) -> Text:
        """The rate of the last seconds, or of the whole job once it is done."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} clips/s")


class ClipProgress:
    """A bar over a known number of clips; finished shards of an earlier run complete it at once."""

    def __init__(self, total: int) -> None:
        self._progress = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(),
        )
        self._total = total
        self._task = self._progress.add_task("clips", total=total)

    def __enter__(self) -> ClipProgress:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.show(self._total)
        self._progress.stop()

    def advance(self, clips: int) -> None:
        """More clips are done."""
        self._progress.advance(self._task, clips)

    def show(self, clips: int) -> None:
        """So many clips are done in all."""
        self._progress.update(self._task, completed=clips)
