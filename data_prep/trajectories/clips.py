"""Clips of recordings, as items of a data job."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from data_prep.job import POISON
from data_prep.trajectories.pictures import Fit, fitted
from data_prep.trajectories.poses import pose_differences
from data_prep.trajectories.recording import BROKEN, Recording, Trajectory
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample

ActionKind = Literal["auto", "stored", "poses"]
DAMAGE = (*BROKEN, *POISON)
_SLUG = 40  # characters of a key that come from the recording's name


@dataclass(frozen=True)
class Making:
    """How recordings become clips.

    Attributes:
        actions: ``stored`` as they are, ``poses`` as differences of states that are poses of an
            arm, ``auto`` stored where there are any.
        fps: moments per second (Hz); None keeps all.
        fit: of pictures that are not square.
        source: where the recordings come from.
        licence: of the recordings.
    """

    actions: ActionKind
    fps: float | None
    fit: Fit
    source: str
    licence: str

    def read(self, recording: Recording) -> tuple[Trajectory, Float[ndarray, "t a"]]:
        """A recording at the wanted rate, and its actions with NaN where none is known.

        Raises:
            ValueError: damaged, without actions, or actions that cannot be thinned.
        """
        try:
            whole = recording.read()
        except BROKEN as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        kept = whole.thinned(self.fps)
        actions = self._actions(whole, kept)
        missing = len(kept) - len(actions)
        if missing not in (0, 1):
            raise ValueError(f"{len(actions)} actions for {len(kept)} moments.")
        actions = np.pad(actions, ((0, missing), (0, 0)), constant_values=np.nan)
        for name, array in (("states", kept.states), ("actions", actions[:-1])):
            wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
            if len(wrong):
                raise ValueError(f"The {name} are not finite at moments {wrong[:8].tolist()}.")
        return kept, actions

    def by_poses(self, kept: Trajectory) -> bool:
        """Whether the actions of a recording at the wanted rate are pose differences."""
        return self.actions == "poses" or kept.actions is None

    def _actions(self, whole: Trajectory, kept: Trajectory) -> Float[ndarray, "rows a"]:
        if not self.by_poses(kept):
            assert kept.actions is not None
            return kept.actions
        if self.actions == "stored" and whole.actions is None:
            raise ValueError("No stored actions; take --actions poses if states are poses.")
        if self.actions != "poses" and whole.actions is not None:
            raise ValueError(
                f"Stored actions at {whole.fps:g} Hz are not those at {self.fps:g} Hz: leave --fps "
                "out, or take --actions poses if states are poses."
            )
        return pose_differences(kept.states)


@dataclass(frozen=True)
class TrajectoryItem:
    """Consecutive moments of a recording."""

    recording: Recording
    number: int
    start: int
    making: Making

    @property
    def key(self) -> str:
        """Number and name of the recording, and the first moment."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.recording.name.lower()).strip("-")[-_SLUG:]
        return f"{self.number:06d}-{slug.strip('-')}-{self.start:05d}"

    @property
    def name(self) -> str:
        """Recording and first moment."""
        return f"{self.recording.name}@{self.start}"

    def make(self, form: ClipFormat) -> Sample:
        """Decode and fit its pictures."""
        trajectory, actions = self.making.read(self.recording)
        stop = self.start + form.frames
        if stop > len(trajectory):
            raise ValueError(
                f"{len(trajectory)} moments at {trajectory.fps:g} Hz; a clip needs {form.frames}."
            )
        try:
            pictures = trajectory.frames(range(self.start, stop))
            frames = [fitted(picture, form.height, self.making.fit) for picture in pictures]
        except BROKEN as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        states = trajectory.states[self.start : stop].astype("<f4")
        return Sample(
            key=self.key,
            frames=np.stack(frames),
            labels=np.zeros(form.shape, np.uint8),
            meta=self._meta(trajectory, form),
            states=states[:, None] if states.shape[1] else None,
            actions=actions[self.start : stop].astype("<f4"),
        )

    def _meta(self, trajectory: Trajectory, form: ClipFormat) -> dict[str, object]:
        return build_meta(
            self.key,
            form,
            source=f"{self.making.source}, {self.recording.name}",
            licence=self.making.licence,
            fps=trajectory.fps,
            start=self.start / trajectory.fps,
            # Its state is known and its pixels are not: nothing is labelled.
            objects=[{"id": 1, "kind": "agent"}],
            details={"group": self.recording.name},
        )


@dataclass(frozen=True)
class DamagedItem:
    """A recording that could not be read when clips were counted."""

    recording: str
    reason: str

    @property
    def name(self) -> str:
        """The recording."""
        return self.recording

    def make(self, form: ClipFormat) -> Sample:  # noqa: ARG002
        """Say why there is no clip."""
        raise ValueError(self.reason)
