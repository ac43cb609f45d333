"""What every reader of robot data gives: recordings, and what was seen, done and felt in each."""

from __future__ import annotations

import importlib
import math
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Float, UInt8
from numpy import ndarray

# What reading a broken file may raise, besides what data_prep.job calls poison.
BROKEN = (OSError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Trajectory:
    """An episode of an agent. Frame ``i``, state ``i`` and action ``i`` belong to one moment.

    Attributes:
        frames: gives the pictures of these moments (strictly ascending numbers), one at a time.
        states: of the agent, in the units of the source; ``s`` may be 0.
        actions: row ``i`` leads from moment ``i`` to the next; one row fewer where none leads on
            from the last; None where the source records none.
        fps: moments per second (Hz).
        state_names: of the numbers of a state.
        action_names: of the numbers of an action.
    """

    frames: Callable[[Sequence[int]], Iterator[UInt8[ndarray, "h w 3"]]]
    states: Float[ndarray, "t s"]
    actions: Float[ndarray, "rows a"] | None
    fps: float
    state_names: tuple[str, ...]
    action_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of moments."""
        return len(self.states)

    def thinned(self, fps: float | None) -> Trajectory:
        """Every so many moments, ``ceil(self.fps / fps)`` as V-JEPA 2-AC does; without actions.

        What was done between moments that are left out cannot be said in general; pose differences
        are computed from the states that are kept.
        """
        step = 1 if fps is None else max(1, math.ceil(round(self.fps / fps, 6)))
        if step == 1:
            return self
        return replace(
            self,
            frames=lambda numbers: self.frames([step * number for number in numbers]),
            states=self.states[::step],
            actions=None,
            fps=self.fps / step,
        )


class Recording(ABC):
    """An episode on disk, not read yet; travels to worker processes."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Names it in its data set."""

    @abstractmethod
    def read(self) -> Trajectory:
        """Numbers now, pictures when they are asked for.

        Raises:
            ValueError, LookupError, OSError: it is damaged or lacks a part.
        """


@dataclass(frozen=True)
class Parts:
    """Which parts of the files are read, by the names that they have there.

    Attributes:
        camera: of the pictures; None takes the only one, or the usual name.
        states: parts of the state, side by side; empty takes the usual name.
        actions: None takes the usual name.
        fps: moments per second (Hz) where files do not say.
    """

    camera: str | None = None
    states: tuple[str, ...] = ()
    actions: str | None = None
    fps: float | None = None

    def rate(self, path: object) -> float:
        """The moments per second of files that do not say.

        Raises:
            ValueError: it was not given.
        """
        if self.fps is None:
            raise ValueError(f"{path} does not say how fast it was recorded; give --source_fps.")
        return self.fps


def numbered(prefix: str, width: int) -> tuple[str, ...]:
    """Names of numbers that the source does not name."""
    return tuple(f"{prefix}_{number}" for number in range(width))


def load_module(name: str) -> Any:
    """An optional module.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"This layout needs {name.split('.')[0]}; pip install 'jepakit[trajectories]'."
        ) from error
