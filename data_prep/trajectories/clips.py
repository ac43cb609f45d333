"""Clips of recordings, as items of a data job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.objects import Masks, Objects
from data_prep.pictures import Fit, fitted
from data_prep.trajectories.poses import pose_differences
from data_prep.trajectories.recording import BROKEN, Recording, Trajectory
from jepakit.data.metadata import build_meta
from jepakit.data.schema import MAX_OBJECTS, ClipFormat, Sample

ActionKind = Literal["auto", "stored", "poses"]
AGENT = 1  # object whose state is known and whose pixels are not: nothing is labelled with it
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
        masks: how objects are found; they are numbered behind the agent, which is object 1.
    """

    actions: ActionKind
    fps: float | None
    fit: Fit
    source: str
    licence: str
    masks: Masks = field(default_factory=lambda: Masks("none", ObjectFilter()))

    def __post_init__(self) -> None:
        """Leave the agent its place in the object table."""
        if self.masks.objects.top >= MAX_OBJECTS:
            raise ValueError(
                f"Beside the agent there is room for {MAX_OBJECTS - 1} objects, and top="
                f"{self.masks.objects.top}. Lower objects.top."
            )

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

    def make(self, form: ClipFormat) -> Iterator[Sample]:
        """Decode and fit its pictures, and find the objects in them."""
        trajectory, actions = self.making.read(self.recording)
        stop = self.start + form.frames
        if stop > len(trajectory):
            raise ValueError(
                f"{len(trajectory)} moments at {trajectory.fps:g} Hz; a clip needs {form.frames}."
            )
        try:
            frames, fine = self._pictures(trajectory, range(self.start, stop), form.height)
        except BROKEN as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        objects = self.making.masks.find(frames, fine, None, {})
        states = trajectory.states[self.start : stop].astype("<f4")
        yield Sample(
            key=self.key,
            frames=frames,
            labels=np.where(objects.labels > 0, objects.labels + np.uint8(AGENT), np.uint8(0)),
            meta=self._meta(trajectory, form, objects),
            states=states[:, None] if states.shape[1] else None,
            actions=actions[self.start : stop].astype("<f4"),
        )

    def _pictures(
        self, trajectory: Trajectory, moments: range, size: int
    ) -> tuple[UInt8[ndarray, "t h w 3"], UInt8[ndarray, "t h2 w2 3"]]:
        """Frames in the size of the data set, and in the size in which objects are sought."""
        fit = self.making.fit
        frames, fine = [], []
        for picture in trajectory.frames(moments):
            frames.append(fitted(picture, size, fit))
            wanted = self.making.masks.side(size, min(picture.shape[:2]))
            if wanted != size:
                fine.append(fitted(picture, wanted, fit))
        stacked = np.stack(frames)
        return stacked, np.stack(fine) if fine else stacked

    def _meta(
        self, trajectory: Trajectory, form: ClipFormat, objects: Objects
    ) -> dict[str, object]:
        found = [{**entry, "id": entry["id"] + AGENT} for entry in objects.table]
        return build_meta(
            self.key,
            form,
            source=f"{self.making.source}, {self.recording.name}",
            licence=self.making.licence,
            fps=trajectory.fps,
            start=self.start / trajectory.fps,
            objects=[{"id": AGENT, "kind": "agent"}, *found],
            details={"group": self.recording.name, "masks": objects.details},
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

    def make(self, form: ClipFormat) -> Iterator[Sample]:  # noqa: ARG002
        """Say why there is no clip."""
        raise ValueError(self.reason)
