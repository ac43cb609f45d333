"""A fixed bank of valid actions per task with what the simulator makes of them, kept on disk."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from rich.progress import Progress

from worlds.phyre import Status, Task, attempt, place, random_actions

VERSION = "phyre-actions/1"
MAX_DRAWS = 1000  # draws for each valid action wanted; about 2 in 3 are valid with one ball


@dataclass(frozen=True)
class TaskActions:
    """Valid actions of one task and their outcomes.

    Attributes:
        task: the task.
        actions: numbers in [0, 1]; 3 for one ball, 6 for two, see :mod:`worlds.phyre.action`.
        solved: whether the simulator says that the action solves the task.
    """

    task: Task
    actions: Float[np.ndarray, "s a"]
    solved: Bool[np.ndarray, " s"]

    def __len__(self) -> int:
        return len(self.actions)

    def only(self, rows: Int[np.ndarray, " kept"]) -> TaskActions:
        """Some of the actions, in the order of ``rows``."""
        return TaskActions(self.task, self.actions[rows], self.solved[rows])


class ActionBank:
    """Uniform valid actions: always the same for a task and a seed, each simulated once ever.

    A longer bank starts with the actions of a shorter one. One file per task is written as soon as
    the task is done, so that a run that was stopped goes on where it was.

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
        """``count`` valid actions of every task, by the task's identity.

        Args:
            tasks: the tasks.
            count: actions per task.
            progress: a running progress display to draw on.

        Raises:
            ValueError: no count, a file that is damaged or belongs to another bank, or a task
                without room for the user's balls.
        """
        if count < 1:
            raise ValueError(f"Need at least 1 action per task, got {count}.")
        found = {task.identity: self._stored(task) for task in tasks}
        short = [task for task in tasks if len(found[task.identity]) < count]
        bar = progress.add_task("simulating actions", total=len(short)) if progress else None
        for bank in self._extended([found[task.identity] for task in short], count):
            self._write(bank)
            found[bank.task.identity] = bank
            if progress and bar is not None:
                progress.advance(bar)
        return {identity: bank.only(np.arange(count)) for identity, bank in found.items()}

    def path(self, task: Task) -> Path:
        """File of a task."""
        return self.folder / f"seed{self.seed}" / f"{task.identity.replace(':', '_')}.npz"

    def _extended(self, banks: Sequence[TaskActions], count: int) -> Iterator[TaskActions]:
        if self.workers < 2:
            for bank in banks:
                yield extend(bank, count, self.seed)
            return
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, mp_context=spawn) as pool:
            jobs = [pool.submit(extend, bank, count, self.seed) for bank in banks]
            try:
                for job in as_completed(jobs):
                    yield job.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _stored(self, task: Task) -> TaskActions:
        path = self.path(task)
        if not path.exists():
            width = next(random_actions(task, self.seed)).shape[0]
            return TaskActions(task, np.zeros((0, width)), np.zeros(0, bool))
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                bank = TaskActions(task, stored["actions"], stored["solved"])
                digest = str(stored["digest"])
        except (zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError) as error:
            raise ValueError(f"{path} is damaged ({error}); delete it.") from error
        if digest != digest_of(bank, self.seed):
            raise ValueError(
                f"{path} is damaged, or was made of another task file or by another version of "
                f"this program than {VERSION}; delete it, or choose another folder."
            )
        return bank

    def _write(self, bank: TaskActions) -> None:
        path = self.path(bank.task)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.savez(
                file,
                actions=bank.actions,
                solved=bank.solved,
                digest=np.array(digest_of(bank, self.seed)),
            )
        partial.replace(path)


def extend(bank: TaskActions, count: int, seed: int) -> TaskActions:
    """The bank with simulated actions added until it has ``count``.

    Raises:
        ValueError: the task has no room for the user's balls.
    """
    task = bank.task
    draws = itertools.islice(random_actions(task, seed), MAX_DRAWS * count)
    valid = (action for action in draws if place(task, action) is not None)
    fresh = list(itertools.islice(valid, len(bank), count))
    if len(bank) + len(fresh) < count:
        raise ValueError(
            f"Task {task.identity} has no room: fewer than {count} valid actions among "
            f"{MAX_DRAWS * count}."
        )
    solved = [attempt(task, action) is Status.SOLVED for action in fresh]
    return TaskActions(
        task,
        np.concatenate([bank.actions, np.array(fresh).reshape(-1, bank.actions.shape[1])]),
        np.concatenate([bank.solved, np.array(solved, bool)]),
    )


def digest_of(bank: TaskActions, seed: int) -> str:
    """Hexadecimal digest of a bank, of the task that it belongs to and of how it was made."""
    digest = hashlib.blake2b(f"{VERSION}|{seed}|{bank.task!r}".encode(), digest_size=16)
    for array in (bank.actions, bank.solved):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
