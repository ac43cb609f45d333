"""The data sets of a scale: made by their commands, known again by their fingerprints."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from pathlib import Path

from jepakit.data.atomic import atomic_file
from jepakit.data.manifest import MANIFEST
from jepakit.evals.tables.scale import DataSet, Scale

PROGRAMS = ("data_prep", "worlds.phyre.fetch")
"""Modules that may make data."""


def make_data(scale: Scale, needed: set[str], root: Path, *, make: bool) -> dict[str, str]:
    """Make what is missing, and tell the fingerprint of every needed data set.

    Args:
        scale: of the table.
        needed: names of the data sets.
        root: folder that commands run in.
        make: whether anything may be made.

    Returns:
        Fingerprints by name.

    Raises:
        ValueError: a data set is missing and may not or cannot be made, was made by another
            command, or its command fails.
    """
    found = {}
    for data in scale.data:
        if data.name not in needed:
            continue
        folder = root / data.path
        if not _is_made(data, folder):
            _make(data, folder, root, make=make)
        found[data.name] = fingerprint(folder)
    return found


def fingerprint(folder: Path) -> str:
    """That of the manifest; without one, a hash of all files' names and sizes.

    Raises:
        ValueError: no such folder, or nothing in it.
    """
    manifest = folder / MANIFEST
    if manifest.exists():
        content = json.loads(manifest.read_bytes())
        return str(content.get("fingerprint", hashlib.sha256(manifest.read_bytes()).hexdigest()))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise ValueError(f"There is no data set in {folder}.")
    listing = "\n".join(f"{path.relative_to(folder)} {path.stat().st_size}" for path in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def _record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.made.json")


def _is_made(data: DataSet, folder: Path) -> bool:
    """Whether the folder holds what the command makes; raises where it holds something else."""
    record = _record(folder)
    if not data.make:
        return folder.exists()
    if not record.exists():
        return False
    made = json.loads(record.read_text())
    if made["command"] != data.make:
        raise ValueError(
            f"{folder} was made by '{made['command']}' and the scale now says '{data.make}': "
            f"delete {folder} and {record.name}, or name the changed data set otherwise."
        )
    if not folder.exists():
        return False
    if made["fingerprint"] != fingerprint(folder):
        raise ValueError(f"{folder} has changed since it was made; delete it and {record.name}.")
    return True


def _make(data: DataSet, folder: Path, root: Path, *, make: bool) -> None:
    if not data.make:
        raise ValueError(f"The data set '{data.name}' is missing: put it into {folder}.")
    program, *words = shlex.split(data.make)
    if program not in PROGRAMS:
        raise ValueError(f"Data is made by {' or '.join(PROGRAMS)}; not by '{data.make}'.")
    command = ["-m", program, *(word.replace("{path}", data.path) for word in words)]
    told = f"python {shlex.join(command)}"
    if not make:
        raise ValueError(f"The data set {folder} is missing; make it with: {told}")
    print("+", told, flush=True)  # noqa: T201
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([sys.executable, *command], cwd=root, check=False)
    if done.returncode:
        raise ValueError(f"'{told}' ended with code {done.returncode}.")
    made = {"command": data.make, "fingerprint": fingerprint(folder)}
    with atomic_file(_record(folder)) as stream:
        stream.write(json.dumps(made, indent=1).encode())
