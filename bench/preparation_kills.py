"""Kill -9 of ``python -m data_prep`` at random moments: does a rerun give the undisturbed bytes?

The whole process group is killed, workers included, at moments spread evenly over the bytes that an
undisturbed run writes (each moved at random within its share of them, and then by up to 30 ms, to
fall between two writes as well). The same command is then run again, once, and every file of the
folder is compared, hidden ones included.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.harness import emit, show

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What one kill met and what the rerun made of it."""

    met: str
    temporary: int
    same: bool
    orphans: int


def command(folder: Path, clips: int) -> list[str]:
    """The job: two splits, two workers."""
    options = {"out": folder, "clips": clips, "val_clips": clips // 5, "shard_items": 4}
    options["workers"] = 2
    listed = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", "data_prep", "scenes", *listed]


def start(folder: Path, clips: int) -> subprocess.Popen[bytes]:
    """The job in a process group of its own."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command(folder, clips), cwd=ROOT, stdout=quiet, start_new_session=True)


def finish(folder: Path, clips: int) -> float:
    """Run the job to its end; seconds."""
    began = time.monotonic()
    code = start(folder, clips).wait()
    if code:
        raise RuntimeError(f"The job ended with exit code {code}.")
    return time.monotonic() - began


def tree(folder: Path) -> dict[str, str]:
    """Checksums of all files, by name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def met(folder: Path, whole: dict[str, str], *, ended: bool) -> str:
    """How far the job was."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if ended:
        return "the end"
    if not names:
        return "no file yet"
    if not any(name.endswith(".index.json") for name in names):
        return "no finished shard"
    shards = {name for name in whole if name.endswith(".index.json")}
    return "the last steps" if shards <= names else "some finished shards"


def written(folder: Path) -> int:
    """Bytes in the folder, temporary files included; -1 before there is one."""
    total = 0 if folder.is_dir() else -1
    for path in folder.glob("*") if total == 0 else ():
        with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
            total += path.stat().st_size
    return total


def trial(folder: Path, clips: int, amount: float, delay: float, whole: dict[str, str]) -> Outcome:
    """Kill once so many bytes are written, run again, compare."""
    job = start(folder, clips)
    while written(folder) < amount and job.poll() is None:
        time.sleep(0.002)
    time.sleep(delay)
    ended = job.poll() is not None
    if not ended:
        os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    found = met(folder, whole, ended=ended)
    temporary = len(list(folder.glob(".*"))) if folder.is_dir() else 0
    finish(folder, clips)
    again = tree(folder)
    return Outcome(found, temporary, again == whole, len(set(again) - set(whole)))


def main() -> None:
    """Kill, run again, compare; 50 times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    outcomes = []
    with tempfile.TemporaryDirectory() as scratch:
        runs = [finish(Path(scratch) / f"whole-{i}", args.clips) for i in range(2)]
        whole = tree(Path(scratch) / "whole-0")
        if tree(Path(scratch) / "whole-1") != whole:
            raise RuntimeError("Two undisturbed runs differ.")
        size = written(Path(scratch) / "whole-0")
        for number in range(args.kills):
            amount, delay = (number + draw.random()) / args.kills * size, 0.03 * draw.random()
            folder = Path(scratch) / f"killed-{number}"
            outcomes.append(trial(folder, args.clips, amount, delay, whole))
    times = Counter(outcome.met for outcome in outcomes)
    temporary = Counter(outcome.met for outcome in outcomes if outcome.temporary)
    same = Counter(outcome.met for outcome in outcomes if outcome.same)
    rows = [(name, times[name], temporary[name], same[name]) for name in times]
    show(
        f"{args.kills} kills; a run takes {min(runs):.1f} s and writes {len(whole)} files",
        ("the kill met", "times", "with temporary files", "same bytes after a rerun"),
        rows,
    )
    figures = {
        "kills": len(outcomes),
        "same_bytes": sum(same.values()),
        "orphans": sum(outcome.orphans for outcome in outcomes),
        "kills_with_temporary_files": sum(temporary.values()),
        "met": dict(times),
        "run_seconds": min(runs),
    }
    emit("preparation_kills", figures)


if __name__ == "__main__":
    main()
