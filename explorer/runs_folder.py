"""The folder of run folders, which need not be there for the bundled model."""

from __future__ import annotations

from pathlib import Path

RUNS = "runs"


def runs_folder(name: str) -> Path | None:
    """The folder; None where the default one does not exist yet.

    Raises:
        ValueError: one that was asked for does not exist.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if name == RUNS:
        return None
    raise ValueError(f"There is no folder of runs at {name}: give one that exists, or none.")
