"""What the list of models says of each: read from folders, without opening a model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from jepakit.training.checkpoint_io import previous
from jepakit.training.runs import RunFolder

Source = Literal["bundled", "run"]
ID = re.compile(r"[a-z0-9-]{8,64}")
"""What an id looks like: never a path."""

DEPTH = 4
"""Folders below the runs' folder that are searched: ``runs/tables/tiny/full/seed0`` is one."""


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be opened.

    Attributes:
        id: ``[a-z0-9-]{8,}``; the same as long as the run's folder has its name.
        title: shown to people.
        family: ``CausalJEPA`` or ``VJEPA2``.
        source: where it comes from.
        frames: of the clips that it was trained on; None where the run leaves the default.
        size: height and width of those clips in pixels, or None.
        saved: when the checkpoint was written, in seconds since 1970; it grows while a training
            goes on.
        megabytes: of the checkpoint.
        facts: more of it, plain strings.
    """

    id: str
    title: str
    family: str
    source: Source
    frames: int | None
    size: tuple[int, int] | None
    saved: float
    megabytes: float
    facts: Mapping[str, str] = field(default_factory=dict)


def run_id(place: str) -> str:
    """The id of a run by its place below the runs' folder, ``tables/tiny/full``."""
    words = re.sub("[^a-z0-9]+", "-", place.lower()).strip("-")[-40:].strip("-")
    return f"{words or 'run'}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def find_runs(root: Path) -> Iterator[tuple[str, Path]]:
    """Run folders with a checkpoint below ``root``, by their place, in order of the alphabet.

    Links that lead out of ``root`` are not followed.
    """
    real = root.resolve()
    waiting = [(real, 0)]
    while waiting:
        folder, depth = waiting.pop()
        if RunFolder(folder).config.is_file():
            if RunFolder(folder).resumable():
                yield folder.relative_to(real).as_posix(), folder
            continue
        if depth < DEPTH and folder.is_dir():
            below = sorted((entry for entry in folder.iterdir() if _inside(entry)), reverse=True)
            waiting += [(entry, depth + 1) for entry in below]


def _inside(entry: Path) -> bool:
    return entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".")


def run_entry(place: str, folder: Path) -> ModelEntry | None:
    """The entry of a run; None of a folder whose configuration is not one of a model.

    A run that is being written may vanish or be half there: that is no entry either.
    """
    run = RunFolder(folder)
    checkpoint = run.last if run.last.exists() else previous(run.last)
    try:
        model = run.read_config()["model"]
        state = checkpoint.stat()
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return None
    return ModelEntry(
        id=run_id(place),
        title=place,
        source="run",
        saved=state.st_mtime,
        megabytes=state.st_size / 1e6,
        **described(model),
    )


def described(model: Mapping[str, Any]) -> dict[str, Any]:
    """Family, frames and size as the ``model`` part of a configuration states them."""
    family = str(model.get("class_path", "")).rpartition(".")[2]
    options = (model.get("init_args") or {}).get("encoder") or {}
    options = options.get("init_args") or options if isinstance(options, Mapping) else {}
    frames, size = options.get("frames"), options.get("size")
    if isinstance(size, int):
        size = (size, size)
    return {
        "family": family,
        "frames": frames if isinstance(frames, int) else None,
        "size": (int(size[0]), int(size[1])) if isinstance(size, list | tuple) else None,
    }
