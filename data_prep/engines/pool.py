"""Makes shards in processes of this machine; one that dies loses its current shard alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait

from data_prep.engines.carried_error import carried
from data_prep.engines.deaths import Deaths
from data_prep.engines.tally import Tally
from data_prep.progress import ClipProgress
from data_prep.shard_task import Shard, ShardTask

_DEATHS = 10  # per worker, in a row, until the job stops


def make_in_pool(
    task: ShardTask, shards: Sequence[Shard], *, workers: int, progress: ClipProgress
) -> None:
    """Make all shards, each in whichever process is free.

    Raises:
        RuntimeError: workers die again and again; see :class:`Deaths`.
        Exception: what made a shard impossible to write; finished shards are kept.
    """
    waiting = deque(shards)
    deaths = Deaths(_DEATHS * workers)
    pool = [_Worker(task) for _ in range(min(workers, len(shards)))]
    progress.follow([worker.tally for worker in pool])
    try:
        while waiting or any(worker.shard for worker in pool):
            for worker in pool:
                if waiting and worker.shard is None:
                    shard = waiting.popleft()
                    worker.give(shard, deaths.killers(shard.name))
            ready = wait([worker.pipe for worker in pool if worker.shard])
            for worker in [worker for worker in pool if worker.pipe in ready]:
                if lost := _collect(worker, deaths):
                    waiting.appendleft(lost)
    finally:
        for worker in pool:
            worker.stop()


def _collect(worker: _Worker, deaths: Deaths) -> Shard | None:
    """Take what a worker sent; returns its shard if it died instead, and replaces it."""
    shard = worker.shard
    assert shard is not None
    try:
        error = worker.take()
    except (EOFError, OSError):
        deaths.add(shard.name, worker.tally.item, shard.item_names)
        worker.restart()
        return shard
    if error is not None:
        raise error
    deaths.finish(shard.name)
    return None


class _Worker:
    """A process that makes one shard at a time."""

    def __init__(self, task: ShardTask) -> None:
        self.task = task
        self.context = multiprocessing.get_context("spawn")
        self.tally = self.context.RawValue(Tally)
        self._start()

    def _start(self) -> None:
        self.shard: Shard | None = None
        self.tally.item = -1
        self._before = self.tally.made, self.tally.kept, self.tally.clips
        self.pipe, theirs = self.context.Pipe()
        self.process = self.context.Process(
            target=_serve, args=(self.task, self.tally, theirs), daemon=True
        )
        with _one_thread():
            self.process.start()
        theirs.close()  # so that the pipe ends when the process does

    def give(self, shard: Shard, killers: frozenset[int]) -> None:
        """Let it make a shard."""
        self.shard = shard
        self._before = self.tally.made, self.tally.kept, self.tally.clips
        with contextlib.suppress(ConnectionError):  # died idle, which the pipe's end will tell
            self.pipe.send((shard, killers))

    def take(self) -> Exception | None:
        """Its answer: the shard is written, or the error that prevented it.

        Raises:
            EOFError, OSError: the process is dead.
        """
        answer = self.pipe.recv_bytes()
        self.shard = None
        return pickle.loads(answer) if answer else None

    def restart(self) -> None:
        """Put a new process in the place of the dead one; what it did to its shard is undone."""
        self.stop()
        self.tally.made, self.tally.kept, self.tally.clips = self._before
        self._start()

    def stop(self) -> None:
        """End the process now, and leave no trace of an unfinished shard."""
        self.process.kill()
        self.process.join()
        self.pipe.close()
        if self.shard is not None:
            self.task.target.clear(self.shard.name)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started here compute with one thread each, unless the user says otherwise."""
    chosen = "OMP_NUM_THREADS" in os.environ
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        yield
    finally:
        if not chosen:
            del os.environ["OMP_NUM_THREADS"]


def _serve(task: ShardTask, tally: Tally, pipe: Connection) -> None:
    """A worker's life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            shard, killers = pipe.recv()
        except EOFError:
            return
        answer = b""
        try:
            task.make(shard, tally, killers)
        except Exception as error:
            answer = carried(error)
        pipe.send_bytes(answer)


def _end_with_parent() -> None:
    """Nobody is left to hear of the shard when the parent is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
