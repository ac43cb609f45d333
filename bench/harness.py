"""Side-by-side timing in one process.

Machines are shared and their clocks drift, so that only ratios measured together mean something:
every round calls each candidate once in a shuffled order, and medians over the rounds are compared.
CPU seconds of the process (all threads) are blind to being descheduled; wall seconds are kept too.
"""

from __future__ import annotations

import json
import os
import platform
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Timing:
    """Medians over the rounds.

    Attributes:
        cpu: CPU seconds of one call, all threads together.
        wall: wall seconds of one call.
        rounds: every round's CPU seconds.
    """

    cpu: float
    wall: float
    rounds: tuple[float, ...]


def interleave(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 7,
    warmup: int = 1,
    seed: int = 0,
) -> dict[str, Timing]:
    """Time each candidate ``rounds`` times, in an order shuffled anew every round."""
    order = random.Random(seed)
    cpu: dict[str, list[float]] = {name: [] for name in candidates}
    wall: dict[str, list[float]] = {name: [] for name in candidates}
    for step in range(warmup + rounds):
        names = list(candidates)
        order.shuffle(names)
        for name in names:
            start_cpu, start_wall = time.process_time(), time.perf_counter()
            candidates[name]()
            spent = time.process_time() - start_cpu, time.perf_counter() - start_wall
            if step >= warmup:
                cpu[name].append(spent[0])
                wall[name].append(spent[1])
    return {n: Timing(median(cpu[n]), median(wall[n]), tuple(cpu[n])) for n in candidates}


def paired_ratio(slow: Timing, fast: Timing) -> float:
    """How many times faster ``fast`` is in CPU seconds, median of the rounds' ratios."""
    return median(a / b for a, b in zip(slow.rounds, fast.rounds, strict=True))


def machine() -> dict[str, Any]:
    """What ran: processor count, threads, versions; nothing that names the machine."""
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a small table."""
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row))
    Console().print(table)


def emit(name: str, figures: Mapping[str, Any]) -> None:
    """Print the figures as one JSON line, last."""
    print(json.dumps({"bench": name, **figures, "machine": machine()}))
