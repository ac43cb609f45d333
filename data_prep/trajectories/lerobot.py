"""LeRobot data sets, versions 2 and 3: tables of numbers, and videos or pictures by camera."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image

from data_prep.trajectories.recording import Parts, Recording, Trajectory, load_module, numbered

_STATE, _ACTION = "observation.state", "action"
_V2_DATA = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
_V2_VIDEO = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
_V3_DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_V3_VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


@dataclass(frozen=True)
class LeRobotRecording(Recording):
    """One episode: its rows of a table and its stretch of a video.

    Attributes:
        index: number of the episode.
        table: the parquet file with its rows, perhaps among others.
        camera: the column or video of the pictures.
        video: the file; None where pictures stand in the table.
        start: when the episode starts in the video, in seconds.
        names: of the numbers of states and of actions; None where they have none.
        columns: of states and of actions.
        fps: moments per second (Hz).
    """

    index: int
    table: Path
    camera: str
    video: Path | None
    start: float
    names: tuple[tuple[str, ...] | None, tuple[str, ...] | None]
    columns: tuple[tuple[str, ...], str]
    fps: float

    @property
    def name(self) -> str:
        """The number of the episode."""
        return f"episode_{self.index:06d}"

    def read(self) -> Trajectory:
        """The table's rows; pictures are decoded when asked for."""
        parts, action = self.columns
        rows = self._rows(list(dict.fromkeys([*parts, action, "timestamp"])))
        states = [_matrix(rows[name]) for name in parts]
        actions = _matrix(rows[action])
        joined = np.concatenate([np.zeros((len(actions), 0)), *states], axis=1)
        moments = np.asarray(rows["timestamp"], np.float64).reshape(-1)
        state_names, action_names = self.names
        return Trajectory(
            frames=lambda numbers: self._pictures(moments, numbers),
            states=joined,
            actions=actions,
            fps=self.fps,
            state_names=state_names or numbered("state", joined.shape[1]),
            action_names=action_names or numbered("action", actions.shape[1]),
        )

    def _rows(self, columns: list[str]) -> dict[str, list[Any]]:
        """Columns of the rows of this episode."""
        parquet = load_module("pyarrow.parquet")
        table = parquet.read_table(
            self.table, columns=columns, filters=[("episode_index", "=", self.index)]
        )
        if not table.num_rows:
            raise ValueError(f"{self.table}: no rows of episode {self.index}.")
        return {name: table[name].to_pylist() for name in columns}

    def _pictures(
        self, moments: Float[ndarray, " t"], numbers: Sequence[int]
    ) -> Iterator[UInt8[ndarray, "h w 3"]]:
        if self.video is None:
            cells = self._rows([self.camera])[self.camera]
            yield from (self._picture(cells[number]) for number in numbers)
            return
        from jepakit.data.video.pyav_video import PyAVVideo  # here: --help need not wait for torch

        with PyAVVideo(str(self.video)) as video:
            wanted = self.start + moments[list(numbers)]
            nearest = np.abs(video.seconds[None] - wanted[:, None]).argmin(axis=1)
            off = np.abs(video.seconds[nearest] - wanted)
            if off.max() > 0.5 / self.fps or (np.diff(nearest) < 1).any():
                raise ValueError(
                    f"{self.video}: frames do not lie at the table's timestamps; off by up to "
                    f"{off.max():.3f} s."
                )
            yield from video.frames(nearest.tolist())

    def _picture(self, cell: dict[str, Any]) -> UInt8[ndarray, "h w 3"]:
        with Image.open(io.BytesIO(cell["bytes"]), formats=["PNG", "JPEG"]) as picture:
            return np.asarray(picture.convert("RGB"))


def find_lerobot(source: Path, parts: Parts) -> list[Recording]:
    """All episodes of a data set, in the order of their numbers.

    Raises:
        ValueError: no ``meta/info.json``, or no such camera.
    """
    path = source / "meta" / "info.json"
    if not path.exists():
        raise ValueError(f"{source} is no LeRobot data set: it has no meta/info.json.")
    info = json.loads(path.read_bytes())
    camera = _camera(info["features"], parts.camera)
    states = parts.states or tuple(n for n in (_STATE,) if n in info["features"])
    action = parts.actions or _ACTION
    names = [_names(info["features"][name]) for name in states]
    common: dict[str, Any] = {
        "camera": camera,
        "names": (
            None if None in names else tuple(n for some in names for n in some or ()),
            _names(info["features"][action]),
        ),
        "columns": (states, action),
        "fps": float(parts.fps or info["fps"]),
    }
    moving = info["features"][camera]["dtype"] == "video"
    version = str(info.get("codebase_version", "v2.0"))
    places = _v2(info, camera, source) if version.startswith("v2") else _v3(info, camera, source)
    return [
        LeRobotRecording(
            index=index,
            table=_inside(source, table),
            video=_inside(source, video) if moving else None,
            start=start,
            **common,
        )
        for index, table, video, start in places
    ]


Place = tuple[int, str, str, float]
"""Number of an episode, its table, its video and where it starts in the video, in seconds."""


def _v2(info: dict[str, Any], camera: str, source: Path) -> Iterator[Place]:
    """A table and a video for each episode."""
    for line in (source / "meta" / "episodes.jsonl").read_text().splitlines():
        index = int(json.loads(line)["episode_index"])
        where = {
            "episode_index": index,
            "episode_chunk": index // int(info.get("chunks_size", 1000)),
            "video_key": camera,
        }
        table = (info.get("data_path") or _V2_DATA).format(**where)
        yield index, table, (info.get("video_path") or _V2_VIDEO).format(**where), 0.0


def _v3(info: dict[str, Any], camera: str, source: Path) -> Iterator[Place]:
    """Tables and videos of many episodes each."""
    parquet = load_module("pyarrow.parquet")
    for path in sorted((source / "meta" / "episodes").rglob("*.parquet")):
        for row in parquet.read_table(path).to_pylist():
            data = {name: int(row[f"data/{name}"]) for name in ("chunk_index", "file_index")}
            table = (info.get("data_path") or _V3_DATA).format(**data)
            video, start = "", 0.0
            if f"videos/{camera}/file_index" in row:
                place = {name: int(row[f"videos/{camera}/{name}"]) for name in data}
                video = (info.get("video_path") or _V3_VIDEO).format(video_key=camera, **place)
                start = float(row[f"videos/{camera}/from_timestamp"])
            yield int(row["episode_index"]), table, video, start


def _camera(features: dict[str, Any], wanted: str | None) -> str:
    cameras = [n for n, feature in features.items() if feature["dtype"] in ("video", "image")]
    if wanted is None and len(cameras) == 1:
        return cameras[0]
    if wanted not in cameras:
        raise ValueError(f"No camera {wanted!r}; set --camera to one of {sorted(cameras)}.")
    return wanted


def _names(feature: dict[str, Any]) -> tuple[str, ...] | None:
    """One name for each number, from a list or from lists by group."""
    names = feature.get("names")
    if isinstance(names, dict):
        names = [name for group in names.values() if isinstance(group, list) for name in group]
    width = feature["shape"][0]
    if not isinstance(names, list) or len(names) != width or len(set(names)) != width:
        return None
    return tuple(str(name) for name in names)


def _matrix(column: list[Any]) -> Float[ndarray, "t f"]:
    array = np.asarray(column, np.float64)
    return array.reshape(len(array), -1)


def _inside(source: Path, name: str) -> Path:
    """A file of the data set.

    Raises:
        ValueError: the path leads out of it.
    """
    # By name alone: files of a download cache are links to elsewhere.
    path = Path(os.path.normpath(source / name))
    if not path.is_relative_to(os.path.normpath(source)):
        raise ValueError(f"{source}/meta/info.json leads out of the data set: {name}.")
    return path
