"""Episodes in HDF5 files: a group for each, as in robomimic, or all in one row with their ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from data_prep.trajectories.recording import Parts, Recording, Trajectory, load_module, numbered

SUFFIXES = (".h5", ".hdf5")
_PICTURES = ("pixels", "frames", "images", "observations", "obs/agentview_image")
_STATES = ("states", "state", "proprio", "obs/proprio")
_ACTIONS = ("actions", "action")
_LENGTHS = ("ep_len", "episode_lengths")
_ENDS = ("episode_ends", "meta/episode_ends")


@dataclass(frozen=True)
class Hdf5Recording(Recording):
    """A stretch of rows of the data sets below a group.

    Attributes:
        path: of the file.
        group: that holds the data sets; empty for the file itself.
        rows: first row and the row after the last; None takes all.
        parts: names of the data sets.
    """

    path: Path
    group: str
    rows: tuple[int, int] | None
    parts: Parts

    @property
    def name(self) -> str:
        """File, and group or first row."""
        return f"{self.path.name}/{self.group if self.rows is None else self.rows[0]}".rstrip("/")

    def read(self) -> Trajectory:
        """All numbers; pictures are read when asked for."""
        with load_module("h5py").File(self.path, "r") as file:
            group = file[self.group] if self.group else file
            pictures = self._name(group, self.parts.camera, _PICTURES)
            if pictures is None:
                raise ValueError(
                    f"{self.path}: no pictures in '{group.name}'; it has {_data_sets(group)}. "
                    "Set --camera."
                )
            first, last = self.rows or (0, len(group[pictures]))
            states = self.parts.states or [n for n in _STATES if n in group][:1]
            columns = [np.asarray(group[name][first:last], np.float64) for name in states]
            name = self._name(group, self.parts.actions, _ACTIONS)
            actions = None if name is None else np.asarray(group[name][first:last], np.float64)
        flat = [column.reshape(last - first, -1) for column in columns]
        width = sum(column.shape[1] for column in flat)
        return Trajectory(
            frames=lambda numbers: self._pictures(pictures, [first + n for n in numbers]),
            states=np.concatenate([np.zeros((last - first, 0)), *flat], axis=1),
            actions=actions,
            fps=self.parts.rate(self.path),
            state_names=numbered("state", width),
            action_names=() if actions is None else numbered("action", actions.shape[1]),
        )

    def _pictures(self, name: str, rows: Sequence[int]) -> Iterator[UInt8[ndarray, "h w 3"]]:
        with load_module("h5py").File(self.path, "r") as file:
            data = (file[self.group] if self.group else file)[name]
            for row in rows:
                yield data[row]

    @staticmethod
    def _name(group: Any, given: str | None, usual: tuple[str, ...]) -> str | None:
        return given or next((name for name in usual if name in group), None)


def find_hdf5(source: Path, parts: Parts) -> list[Recording]:
    """The episodes of a file, or of all ``.h5`` and ``.hdf5`` files below a folder."""
    files = [source]
    if source.is_dir():
        files = sorted(f for f in source.rglob("*") if f.suffix.lower() in SUFFIXES)
    return [recording for file in files for recording in _episodes_or_file(file, parts)]


def _episodes_or_file(path: Path, parts: Parts) -> list[Recording]:
    """A file that cannot be opened stands for itself, and is rejected when it is read."""
    try:
        return _episodes(path, parts)
    except OSError:
        return [Hdf5Recording(path, "", None, parts)]


def _episodes(path: Path, parts: Parts) -> list[Recording]:
    with load_module("h5py").File(path, "r") as file:
        ends = _ends(file)
        if ends is not None:
            starts = [0, *ends[:-1]]
            rows = zip(starts, ends, strict=True)
            return [Hdf5Recording(path, "", stretch, parts) for stretch in rows]
        prefix = "data" if hasattr(file.get("data"), "keys") else ""
        group = file[prefix] if prefix else file
        names = [n for n in group if hasattr(group[n], "keys") and n not in ("obs", "mask", "meta")]
        if not names:  # the file itself is one episode
            return [Hdf5Recording(path, prefix, None, parts)]
        groups = (f"{prefix}/{name}".strip("/") for name in sorted(names, key=_by_number))
        return [Hdf5Recording(path, name, None, parts) for name in groups]


def _ends(file: Any) -> list[int] | None:
    """Rows after the last one of each episode, where episodes stand in one row."""
    for name in _LENGTHS:
        if name in file:
            return np.cumsum(file[name][:], dtype=np.int64).tolist()
    for name in _ENDS:
        if name in file:
            return [int(end) for end in file[name][:]]
    return None


def _by_number(name: str) -> list[tuple[int, str]]:
    """Sorts demo_2 before demo_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _data_sets(group: Any) -> list[str]:
    names: list[str] = []
    group.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names[:20]
