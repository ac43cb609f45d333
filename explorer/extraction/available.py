"""How much memory is free here: of the machine, of the container, of the graphics card."""

from __future__ import annotations

import os
from pathlib import Path

import torch

PROC, GROUPS = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def available_bytes(
    device: torch.device | str = "cpu", *, proc: Path = PROC, groups: Path = GROUPS
) -> int | None:
    """Bytes that can still be taken; None where the system does not tell.

    On a CPU the smaller one of the machine's available memory and of what the control group of the
    process (its container) has left.

    Args:
        device: where the model runs.
        proc: the kernel's table of memory.
        groups: root of the control groups, version 2 or 1.
    """
    place = torch.device(device)
    if place.type == "cuda":
        return int(torch.cuda.mem_get_info(place)[0])
    found = [value for value in (_machine(proc), _group(groups)) if value is not None]
    return min(found) if found else None


def _machine(proc: Path) -> int | None:
    if proc.is_file():
        for line in proc.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _group(groups: Path) -> int | None:
    for limit, used in (
        (groups / "memory.max", groups / "memory.current"),
        (groups / "memory/memory.limit_in_bytes", groups / "memory/memory.usage_in_bytes"),
    ):
        if limit.is_file() and used.is_file():
            text = limit.read_text().strip()
            return None if text == "max" else max(int(text) - int(used.read_text()), 0)
    return None
