"""A bar over clips that are read one by one: how many, how fast, time left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

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
        """The rate of the last seconds, or of all once it is done."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.0f} clips/s")


@contextlib.contextmanager
def clip_bar(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Show a bar, and give what moves it to a number of clips.

    Args:
        total: clips in all.
        what: is done with them, in front of the bar.
    """
    columns = BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn()
    with Progress(TextColumn("{task.description}"), *columns) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
