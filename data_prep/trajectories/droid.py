"""DROID: folders with ``trajectory.h5`` and a video per camera; actions are pose differences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from data_prep.trajectories.poses import POSE
from data_prep.trajectories.recording import Parts, Recording, Trajectory, load_module

TRAJECTORY = "trajectory.h5"
_STATE = ("cartesian_position", "gripper_position")
_STEREO = "-stereo"
# A recorder may end a moment before its camera does, or after it; more is another recording.
_SLACK = 2


@dataclass(frozen=True)
class DroidRecording(Recording):
    """One folder: 6 numbers of the gripper's pose and its closing, and a video of one camera.

    Frame ``i`` of the video belongs to row ``i`` of the trajectory.
    """

    folder: Path
    label: str
    parts: Parts

    @property
    def name(self) -> str:
        """The folder, below the source."""
        return self.label

    def read(self) -> Trajectory:
        """States; the video is opened for its length and rate, and decoded when asked for."""
        from jepakit.data.video.pyav_video import PyAVVideo  # here: --help need not wait for torch

        with load_module("h5py").File(self.folder / TRAJECTORY, "r") as file:
            robot = file["observation/robot_state"]
            columns = [np.asarray(robot[name][:], np.float64) for name in _STATE]
        states = np.concatenate([c.reshape(len(c), -1) for c in columns], axis=1)
        path = self._video()
        with PyAVVideo(str(path)) as video:
            seconds = video.seconds
        if abs(len(seconds) - len(states)) > _SLACK or len(seconds) < 2:
            raise ValueError(
                f"{path.name} has {len(seconds)} frames, {TRAJECTORY} has {len(states)} rows."
            )
        length = min(len(seconds), len(states))
        fps = self.parts.fps or (len(seconds) - 1) / float(seconds[-1] - seconds[0])
        return Trajectory(
            frames=lambda numbers: _decode(path, numbers),
            states=states[:length],
            actions=None,
            fps=fps,
            state_names=POSE,
        )

    def _video(self) -> Path:
        """The camera's video, found by serial number or by the camera's name in the metadata."""
        videos = self.folder / "recordings" / "MP4"
        found = {v.stem: v for v in sorted(videos.glob("*.mp4")) if _STEREO not in v.stem}
        named = self._named()
        wanted = self.parts.camera
        serial = named.get(wanted or "", wanted)
        if serial is None and len(found) == 1:
            return next(iter(found.values()))
        if serial not in found:
            raise ValueError(
                f"No video of camera {wanted!r}; there are {sorted(found)}, named "
                f"{sorted(named)}. Set --camera to one of them."
            )
        return found[serial]

    def _named(self) -> dict[str, str]:
        """Serial numbers by camera: ``wrist``, ``ext1`` and so on."""
        serials: dict[str, str] = {}
        for path in sorted(self.folder.glob("metadata*.json")):
            fields: dict[str, Any] = json.loads(path.read_bytes())
            for name, value in fields.items():
                if name.endswith("_cam_serial"):
                    serials.setdefault(name.removesuffix("_cam_serial"), str(value))
                elif name.endswith("_mp4_path"):
                    serials.setdefault(name.removesuffix("_mp4_path"), Path(str(value)).stem)
        return serials


def find_droid(source: Path, parts: Parts) -> list[Recording]:
    """All folders below ``source`` that hold a trajectory."""
    folders = sorted(path.parent for path in source.rglob(TRAJECTORY))
    return [DroidRecording(f, f.relative_to(source).as_posix(), parts) for f in folders]


def _decode(path: Path, numbers: Sequence[int]) -> Iterator[UInt8[ndarray, "h w 3"]]:
    from jepakit.data.video.pyav_video import PyAVVideo

    with PyAVVideo(str(path)) as video:
        yield from video.frames(numbers)
