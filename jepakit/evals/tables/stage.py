"""One command of a row: run with its own log, recorded, and known again when it is done."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from jepakit.data.atomic import atomic_file
from jepakit.training.versions import code_version

State = Literal["started", "done", "failed"]
TRAIN = "train"


@dataclass(frozen=True)
class Stage:
    """A command and what it leaves.

    Attributes:
        name: of its log and its record.
        command: words after ``python``.
        fingerprint: of everything that decides the result.
        products: files that are there once it is done.
    """

    name: str
    command: tuple[str, ...]
    fingerprint: str
    products: tuple[Path, ...]


@dataclass(frozen=True)
class Record:
    """How far a stage came.

    Attributes:
        fingerprint: of the stage as it was run.
        state: it is ``started`` if it was killed.
        wall_s: seconds of wall time, all finished attempts together.
        cpu_s: seconds of processor time, those of its own processes included.
        message: its last words, if it failed.
        taken_from: the table that ran it, if it was another.
        code: version and commit of the last attempt; empty where it was not recorded.
    """

    fingerprint: str
    state: State
    wall_s: float = 0.0
    cpu_s: float = 0.0
    message: str = ""
    taken_from: str = ""
    code: str = ""


class StageFolder:
    """Records and logs of the stages of one run."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def log(self, name: str) -> Path:
        """The log of a stage: output of all attempts."""
        return self.run / "logs" / f"{name}.log"

    def record(self, name: str) -> Record | None:
        """The record of a stage, None if it was never started."""
        path = self.run / "stages" / f"{name}.json"
        return Record(**json.loads(path.read_text())) if path.exists() else None

    def write(self, name: str, record: Record) -> None:
        """Keep a record, whole or not at all."""
        path = self.run / "stages" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as stream:
            stream.write(json.dumps(asdict(record), indent=1).encode())

    def is_done(self, stage: Stage) -> bool:
        """Whether the stage is done as it is described now."""
        record = self.record(stage.name)
        return (
            record is not None
            and record.state == "done"
            and record.fingerprint == stage.fingerprint
            and all(path.exists() for path in stage.products)
        )


class Commands:
    """Runs commands as processes that one call ends.

    Args:
        root: folder that they run in.
        threads: of each of them.
    """

    def __init__(self, root: Path, *, threads: int = 1) -> None:
        self.root = root
        self.environment = os.environ | {
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        self.stopped = False
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, stage: Stage, folder: StageFolder, lock: int) -> Record | None:
        """Run a stage and record how it went; None if everything was stopped meanwhile.

        Args:
            stage: what to run.
            folder: of its run.
            lock: file descriptor that the process keeps open: see :func:`locked`.
        """
        before = folder.record(stage.name)
        old = before if before and before.fingerprint == stage.fingerprint else None
        wall, cpu = (old.wall_s, old.cpu_s) if old else (0.0, 0.0)
        record = Record(stage.fingerprint, "started", wall, cpu, code=code_version())
        folder.write(stage.name, record)
        status, more_wall, more_cpu = self._process(stage, folder, lock)
        record = replace(record, wall_s=wall + more_wall, cpu_s=cpu + more_cpu)
        if self.stopped and status:
            folder.write(stage.name, record)
            return None
        missing = [str(path) for path in stage.products if not path.exists()]
        if status or missing:
            last = _last_words(folder.log(stage.name)) if status else f"it wrote no {missing[0]}"
            record = replace(record, state="failed", message=f"code {status}: {last}")
        else:
            record = replace(record, state="done")
        folder.write(stage.name, record)
        return record

    def stop(self) -> None:
        """Ask all running commands to end, as a scheduler does; trainings save before."""
        self.stopped = True
        for process in list(self._running):
            _ask_to_end(process.pid)

    def _process(self, stage: Stage, folder: StageFolder, lock: int) -> tuple[int, float, float]:
        """Exit code, wall and processor seconds."""
        log = folder.log(stage.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        with log.open("ab") as stream:
            stream.write(f"+ python {' '.join(stage.command)}\n".encode())
            stream.flush()
            process = subprocess.Popen(
                [sys.executable, *stage.command],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C reaches this program alone, which then asks
            )
        self._running.add(process)
        if self.stopped:
            _ask_to_end(process.pid)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self._running.discard(process)
        return process.returncode, time.monotonic() - start, used.ru_utime + used.ru_stime


@contextmanager
def locked(path: Path, *, waits: Callable[[], bool] | None = None) -> Iterator[int | None]:
    """Hold a lock file, whose descriptor commands inherit.

    A command that outlives this program (which was killed) goes on holding it, so that a second
    start waits for it instead of writing into the same run beside it.

    Args:
        path: the file.
        waits: asked every half second whether to go on waiting; None does not wait.

    Yields:
        The descriptor, or None where waiting was given up.

    Raises:
        ValueError: somebody else holds it, and there is no waiting.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if waits is None:
                    raise ValueError(
                        f"Another process is at work on {path.parent}; wait for it or end it."
                    ) from error
                if not waits():
                    yield None
                    return
                time.sleep(0.5)
            else:
                yield stream.fileno()
                return


def seconds_by_name(records: Mapping[str, list[Record]]) -> dict[str, float]:
    """Mean wall seconds of what is done, by stage."""
    done = {n: [r.wall_s for r in own if r.state == "done"] for n, own in records.items()}
    return {name: sum(values) / len(values) for name, values in done.items() if values}


def _ask_to_end(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "no output")[:300]
