"""Under what conditions a table was made, in words."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from jepakit.counted import counted
from jepakit.evals.tables.progress import clock
from jepakit.evals.tables.runs import TableRun
from jepakit.evals.tables.scale import Scale
from jepakit.evals.tables.stage import TRAIN, Record
from jepakit.training.versions import versions

SEEDS_TEXT = {
    "student": "Student's t over seeds and the bootstrap over groups of test items",
    "bootstrap": "the bootstrap over seeds and groups of test items",
}


def table_facts(
    scale: Scale,
    runs: list[TableRun],
    data: Mapping[str, str],
    *,
    seeds: int,
    jobs: int,
) -> dict[str, str]:
    """Scale, seeds, data, hardware and time."""
    steps = scale.options.get("trainer.max_steps")
    return {
        "scale": f"{scale.name}: {scale.about}",
        "training": f"{steps or 'as configured'} steps, seeds 0 to {seeds - 1}, from "
        f"{', '.join(scale.configs)}",
        "data": ", ".join(f"{name} {digest[:12]}" for name, digest in data.items()) or "none",
        "hardware": f"{hardware()}, {jobs} at a time with {counted(scale.threads, 'thread')} each",
        "code": code_of(runs),
        "software": ", ".join(
            f"{name} {version}" for name, version in versions().items() if name != "jepakit"
        ),
        "time": times(runs),
    }


def hardware() -> str:
    """Cores and processor of this machine, and its GPU."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores ({processor}){_gpu()}"


def code_of(runs: list[TableRun]) -> str:
    """Versions and commits of this code that ran the commands, most first."""
    codes = Counter(record.code for run in runs for record in run.records().values())
    every, unknown = codes.total(), codes.pop("", 0)
    told = [f"jepakit {code}" for code, _ in codes.most_common()]
    if unknown:
        told.append(f"not recorded for {unknown} of {every} commands")
    return ", ".join(told) or "nothing was run"


def times(runs: list[TableRun]) -> str:
    """Wall and processor time of all stages run for this table, and the mean of each."""
    records: dict[str, list[Record]] = {}
    taken: Counter[str] = Counter()
    for run in runs:
        for name, record in run.records().items():
            if record.taken_from:
                taken[record.taken_from] += name == TRAIN
            else:
                records.setdefault(name, []).append(record)
    every = [record for own in records.values() for record in own]
    wall, cpu = sum(r.wall_s for r in every), sum(r.cpu_s for r in every)
    means = [
        f"{name} {clock(sum(r.wall_s for r in own) / len(own))}" for name, own in records.items()
    ]
    told = f"{clock(wall)} of commands, {clock(cpu)} of processors"
    if means:
        told += f"; means: {', '.join(means)}"
    return told + "".join(f"; trainings of {table}: {n}" for table, n in taken.items())


def _gpu() -> str:
    words = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    names = [line.strip() for line in found.stdout.splitlines() if line.strip()]
    return f", {len(names)} x {names[0]}" if names and found.returncode == 0 else ""
