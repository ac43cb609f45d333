"""Progress of a job on the terminal: items done, clips made, clips per second, time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from types import TracebackType

from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from data_prep.engines.tally import Tally


class ClipProgress:
    """A bar over the items of a job.

    Items of shards that an earlier run finished complete the bar, and count for no rate.
    """

    def __init__(self, total: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._start = clock()
        self._tallies: Sequence[Tally] = ()
        self._bar = _Bar(self)

    def __enter__(self) -> ClipProgress:
        self._start = self._clock()
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def follow(self, tallies: Sequence[Tally]) -> None:
        """Show the sum of these from now on."""
        self._tallies = tallies

    @property
    def items(self) -> int:
        """Items done, in this run or an earlier one."""
        return sum(tally.made + tally.kept for tally in self._tallies)

    @property
    def clips(self) -> int:
        """Clips made in this run."""
        return sum(tally.clips for tally in self._tallies)

    def text(self) -> str:
        """Clips, rate and time left, from the mean over this run."""
        made = sum(tally.made for tally in self._tallies)
        seconds = max(self._clock() - self._start, 1e-9)
        text = f"{self.clips} clips, {self.clips / seconds:.1f} clips/s"
        if not made or self.items >= self.total:
            return text
        left = round((self.total - self.items) * seconds / made)
        return f"{text}, {timedelta(seconds=left)} left"


class _Bar(Progress):
    """Asks for the numbers whenever it is drawn, which a thread of its own does."""

    def __init__(self, numbers: ClipProgress) -> None:
        self._numbers = numbers
        columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}")
        super().__init__(TextColumn("items"), *columns)
        self._items = self.add_task("", total=numbers.total, text="")

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar as of now."""
        if self.task_ids:
            self.update(self._items, completed=self._numbers.items, text=self._numbers.text())
        return super().get_renderables()
