"""A bank of actions and outcomes on disk: each action of a task is simulated once ever."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import Progress

from jepakit.evals.phyre.actions import (
    Candidates,
    Orders,
    TaskActions,
    Tries,
    draw,
    draw_and_judge,
    draw_and_try,
)
from jepakit.evals.phyre.aimed import draw_aimed
from jepakit.evals.phyre.auccess import solved_at
from worlds.phyre import Task

VERSION = "phyre-actions/2"
UNIFORM = "uniform"

Job = Callable[[Tries], Tries]


class ActionBank:
    """Valid actions: always the same for a task and a seed, each simulated once ever.

    Uniform and aimed draws are kept apart. One file per task is written as soon as the task is
    done, so that a run that was stopped goes on where it was. Several runs may share a bank: what
    is lost when two write the same file at once is only simulated again.

    Args:
        folder: where the files lie; made when needed.
        seed: of the draws.
        workers: simulating processes; 0 simulates in this process.
    """

    def __init__(self, folder: Path | str, *, seed: int = 0, workers: int = 0) -> None:
        self.folder, self.seed, self.workers = Path(folder), seed, workers

    def actions_of(
        self, tasks: Sequence[Task], count: int, progress: Progress | None = None
    ) -> dict[str, TaskActions]:
        """``count`` uniform valid actions of every task with outcomes, by the task's identity.

        Args:
            tasks: the tasks.
            count: actions per task.
            progress: a running progress display to draw on.

        Raises:
            ValueError: no count, a file that is damaged or belongs to another bank, or a task
                without room for the user's balls.
        """
        _need(count)
        found = {task.identity: self._stored(task) for task in tasks}
        short = [tries for tries in found.values() if not tries.tried(count)]
        job = partial(draw_and_judge, count=count, seed=self.seed)
        found |= self._updated(short, [job] * len(short), progress, "simulating actions")
        return {identity: tries.judged(count) for identity, tries in found.items()}

    def aimed_of(
        self, starts: Sequence[TaskActions], count: int, progress: Progress | None = None
    ) -> dict[str, TaskActions]:
        """``count`` aimed actions of every task, see :func:`.aimed.draw_aimed`; as `actions_of`.

        Args:
            starts: uniform draws of the tasks; other draws lead to other aimed ones.
            count: actions per task.
            progress: a running progress display to draw on.
        """
        _need(count)
        kinds = {f"aimed_after_{len(start)}" for start in starts}
        if len(kinds) > 1:
            raise ValueError(f"Aimed draws start from as many actions of every task: {kinds}.")
        kind = kinds.pop() if kinds else UNIFORM
        found = {start.task.identity: self._stored(start.task, kind) for start in starts}
        short = [start for start in starts if not found[start.task.identity].tried(count)]
        jobs = [partial(draw_aimed, count=count, start=s, seed=self.seed) for s in short]
        tries = [found[start.task.identity] for start in short]
        found |= self._updated(tries, jobs, progress, "simulating aimed actions", kind)
        return {identity: tries.judged(count) for identity, tries in found.items()}

    def candidates_of(
        self, tasks: Sequence[Task], count: int, progress: Progress | None = None
    ) -> dict[str, Candidates]:
        """``count`` uniform valid actions of every task, not simulated; as `actions_of`."""
        _need(count)
        found = {task.identity: self._stored(task) for task in tasks}
        short = [tries for tries in found.values() if len(tries) < count]
        job = partial(draw, count=count, seed=self.seed)
        found |= self._updated(short, [job] * len(short), progress, "drawing candidates")
        return {identity: tries.candidates(count) for identity, tries in found.items()}

    def attempts_of(
        self,
        tasks: Sequence[Task],
        orders: Mapping[str, Orders],
        progress: Progress | None = None,
    ) -> dict[str, list[int]]:
        """The attempt that solves each task when each agent tries candidates in its order, or 0.

        Only what an agent comes to try is simulated: it ends at its first success, or after 100.

        Args:
            tasks: the tasks, whose candidates were drawn.
            orders: rows of candidates by the task's identity, an array per agent; those beyond 100
                do not count.
            progress: a running progress display to draw on.
        """
        tries = [self._stored(task) for task in tasks]
        # Another run with fewer candidates may have written the file meanwhile: drawn again then.
        jobs = [
            partial(draw_and_try, orders=orders[task.identity], seed=self.seed) for task in tasks
        ]
        found = self._updated(tries, jobs, progress, "trying actions")
        return {
            identity: [solved_at(own.outcomes[order]) for order in orders[identity]]
            for identity, own in found.items()
        }

    def path(self, task: Task, kind: str = UNIFORM) -> Path:
        """File of a task's uniform or aimed draws."""
        name = f"{task.identity.replace(':', '_')}.npz"
        return self.folder / f"seed{self.seed}" / kind / name

    def _updated(
        self,
        tries: Sequence[Tries],
        jobs: Sequence[Job],
        progress: Progress | None,
        title: str,
        kind: str = UNIFORM,
    ) -> dict[str, Tries]:
        """What a job makes of each, by the task's identity; written where something is new."""
        found: dict[str, Tries] = {}
        before = {each.task.identity: each for each in tries}
        bar = progress.add_task(title, total=len(jobs)) if progress else None
        for fresh in self._done(tries, jobs):
            identity = fresh.task.identity
            if not np.array_equal(before[identity].outcomes, fresh.outcomes):
                self._write(fresh, kind)
            found[identity] = fresh
            if progress and bar is not None:
                progress.advance(bar)
        return found

    def _done(self, tries: Sequence[Tries], jobs: Sequence[Job]) -> Iterator[Tries]:
        if self.workers < 2:
            for job, each in zip(jobs, tries, strict=True):
                yield job(each)
            return
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, mp_context=spawn) as pool:
            pending = [pool.submit(job, each) for job, each in zip(jobs, tries, strict=True)]
            try:
                for done in as_completed(pending):
                    yield done.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _stored(self, task: Task, kind: str = UNIFORM) -> Tries:
        path = self.path(task, kind)
        if not path.exists():
            return Tries.none(task)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                tries = Tries(task, stored["actions"], stored["outcomes"])
                digest = str(stored["digest"])
        except (zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError) as error:
            raise ValueError(f"{path} is damaged ({error}); delete it.") from error
        if digest != digest_of(tries, self.seed, kind):
            raise ValueError(
                f"{path} is damaged, or was made of another task file or by another version of "
                f"this program than {VERSION}; delete it, or choose another folder."
            )
        return tries

    def _write(self, tries: Tries, kind: str) -> None:
        path = self.path(tries.task, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_file = path.with_suffix(f".{os.getpid()}.partial")
        with partial_file.open("wb") as file:
            np.savez(
                file,
                actions=tries.actions,
                outcomes=tries.outcomes,
                digest=np.array(digest_of(tries, self.seed, kind)),
            )
        partial_file.replace(path)


def digest_of(tries: Tries, seed: int, kind: str = UNIFORM) -> str:
    """Hexadecimal digest of a file's content, of the task it belongs to and of how it was made."""
    digest = hashlib.blake2b(f"{VERSION}|{seed}|{kind}|{tries.task!r}".encode(), digest_size=16)
    for array in (tries.actions, tries.outcomes):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _need(count: int) -> None:
    if count < 1:
        raise ValueError(f"Need at least 1 action per task, got {count}.")
