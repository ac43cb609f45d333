"""Episodes in plain ``.npz`` files, one each, such as the example of V-JEPA 2-AC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from numpy.lib.npyio import NpzFile

from data_prep.trajectories.recording import Parts, Recording, Trajectory, numbered

_PICTURES = ("frames", "observations", "images", "pixels")
_STATES = ("states", "state", "proprio")
_ACTIONS = ("actions", "action")


@dataclass(frozen=True)
class NpzRecording(Recording):
    """One file: pictures ``(t, h, w, 3)``, perhaps states ``(t, s)`` and actions ``(t, a)``.

    A leading axis of length 1 is taken away.
    """

    path: Path
    parts: Parts

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def read(self) -> Trajectory:
        """All numbers; pictures are read when asked for."""
        with np.load(self.path, allow_pickle=False) as file:
            pictures = self.parts.camera or _first(file, _PICTURES)
            if pictures is None:
                raise ValueError(f"{self.path}: no pictures; it has {sorted(file)}. Set --camera.")
            states = self._join(file, len(_plain(file[pictures], 4)))
            name = self.parts.actions or _first(file, _ACTIONS)
            actions = None if name is None else _plain(file[name], 2)
        return Trajectory(
            frames=lambda numbers: self._pictures(pictures, numbers),
            states=states,
            actions=actions,
            fps=self.parts.rate(self.path),
            state_names=numbered("state", states.shape[1]),
            action_names=() if actions is None else numbered("action", actions.shape[1]),
        )

    def _pictures(self, name: str, numbers: Sequence[int]) -> Iterator[UInt8[ndarray, "h w 3"]]:
        with np.load(self.path, allow_pickle=False) as file:
            yield from _plain(file[name], 4)[list(numbers)]

    def _join(self, file: NpzFile, length: int) -> Shaped[ndarray, "t s"]:
        names = self.parts.states or [name for name in _STATES if name in file][:1]
        return np.concatenate(
            [np.zeros((length, 0)), *(_plain(file[name], 2) for name in names)], axis=1
        )


def find_npz(source: Path, parts: Parts) -> list[Recording]:
    """A file, or all files below a folder."""
    files = [source] if source.is_file() else sorted(source.rglob("*.npz"))
    return [NpzRecording(file, parts) for file in files]


def _first(file: NpzFile, usual: tuple[str, ...]) -> str | None:
    return next((name for name in usual if name in file), None)


def _plain(array: Shaped[ndarray, ...], axes: int) -> Shaped[ndarray, ...]:
    """Without a leading axis of length 1."""
    if array.ndim == axes + 1 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != axes:
        raise ValueError(
            f"An array of {axes} axes (or with a leading axis of length 1) expected, came "
            f"{array.shape}."
        )
    return array
