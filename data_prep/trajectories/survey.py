"""Reads the numbers of all recordings once: which are sound, and their actions with bounds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from rich.progress import track

from data_prep.item import Item, is_damage
from data_prep.trajectories.clips import DamagedItem, Making, TrajectoryItem
from data_prep.trajectories.poses import POSE
from data_prep.trajectories.recording import Recording
from jepakit.actions import FRANKA, ActionSpace

Bounds = Literal["data", "franka"] | list[float]


@dataclass(frozen=True)
class Found:
    """A sound recording."""

    recording: Recording
    number: int
    moments: int


@dataclass
class Survey:
    """What the recordings hold.

    Attributes:
        making: how recordings become clips.
        found: sound recordings.
        damaged: the others.
        action_names: of the numbers of an action; the same in all sound recordings.
        state_names: of the numbers of a state, the same in all.
        low: smallest value of each number of an action.
        high: largest value of each.
    """

    making: Making
    found: list[Found]
    damaged: list[DamagedItem]
    action_names: tuple[str, ...] = ()
    state_names: tuple[str, ...] = ()
    low: Float[ndarray, " a"] | None = None
    high: Float[ndarray, " a"] | None = None

    @classmethod
    def of(cls, recordings: Sequence[Recording], making: Making) -> Survey:
        """Read all of them.

        Raises:
            ValueError: none is sound.
        """
        survey = cls(making, [], [])
        for number, recording in enumerate(track(recordings, "Reading recordings")):
            try:
                survey._add(recording, number)
            except Exception as error:
                if not is_damage(error):
                    raise
                survey.damaged.append(
                    DamagedItem(recording.name, f"{type(error).__name__}: {error}")
                )
        if not survey.found:
            first = [f"{item.recording}: {item.reason}" for item in survey.damaged[:3]]
            raise ValueError("No sound recording. " + "; ".join(first or ["No files were found."]))
        return survey

    def _add(self, recording: Recording, number: int) -> None:
        trajectory, actions = self.making.read(recording)
        by_poses = self.making.by_poses(trajectory)
        known = actions[np.isfinite(actions).all(axis=1)]
        if not len(known):
            raise ValueError(f"{len(trajectory)} moments and no action between them.")
        action_names = FRANKA.names if by_poses else trajectory.action_names
        state_names = POSE if by_poses else trajectory.state_names
        if not self.found:
            self.action_names, self.state_names = action_names, state_names
        elif (action_names, state_names) != (self.action_names, self.state_names):
            raise ValueError(
                f"Actions {self.action_names} and states {self.state_names} as in the first "
                f"recording expected, came {action_names} and {state_names}."
            )
        self.found.append(Found(recording, number, len(trajectory)))
        low, high = known.min(axis=0), known.max(axis=0)
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)

    def space(self, bounds: Bounds) -> ActionSpace:
        """Names, and bounds that are given or span the data.

        Raises:
            ValueError: bounds that do not fit the actions.
        """
        by_poses = self.action_names == FRANKA.names
        changes = FRANKA.changes if by_poses else ()
        if bounds == "franka":
            if not by_poses:
                raise ValueError("Bounds of the Franka arm are for pose differences alone.")
            return FRANKA
        if isinstance(bounds, list):
            if len(bounds) != len(self.action_names):
                raise ValueError(
                    f"One bound for each of {self.action_names} expected, came {bounds}."
                )
            low, high = [-bound for bound in bounds], list(bounds)
        else:
            assert self.low is not None
            assert self.high is not None
            # What never changes gets bounds 1 away, so that it can be normalised.
            still = self.low >= self.high
            low, high = (self.low - still).tolist(), (self.high + still).tolist()
        return ActionSpace(self.action_names, tuple(low), tuple(high), self.state_names, changes)

    def items(self, frames: int, val_share: float) -> dict[str, list[Item]]:
        """Clips by split; a recording is in one split. Damaged recordings come last of training.

        Which recordings are held out follows from their names alone.
        """
        ranked = sorted(
            self.found, key=lambda f: hashlib.sha256(f.recording.name.encode()).digest()
        )
        held = {id(found) for found in ranked[: round(val_share * len(ranked))]}
        split: dict[str, list[Item]] = {"train": [], "val": []}
        for found in self.found:
            starts = range(0, max(1, found.moments - frames + 1), frames)
            split["val" if id(found) in held else "train"] += [
                TrajectoryItem(found.recording, found.number, start, self.making)
                for start in starts
            ]
        split["train"] += self.damaged
        return {name: items for name, items in split.items() if items}

    def facts(self, bounds: Bounds) -> dict[str, Any]:
        """For the record: where the bounds come from."""
        said = f"minimum and maximum over {len(self.found)} recordings"
        return {"bounds": said if bounds == "data" else bounds, "recordings": len(self.found)}
