"""Small real files of every layout whose every number says where it belongs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

SIDE = 32


def shades(numbers: Any) -> np.ndarray:
    """Frame ``i`` is full of ``10 + 6 i``; far enough apart to survive a video codec."""
    values = 10 + 6 * np.asarray(numbers)
    frames = np.broadcast_to(values[:, None, None, None], (len(values), SIDE, SIDE, 3))
    return frames.astype(np.uint8)


def shown(frames: np.ndarray) -> list[int]:
    """Numbers of the frames, read from their shades."""
    return np.rint((frames.mean(axis=(1, 2, 3)) - 10) / 6).astype(int).tolist()


def write_video(path: Path, numbers: Any, *, fps: int, codec: str = "libx264") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "10", "g": "4"}
        for picture in shades(numbers):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def poses(length: int, *, seed: int = 0) -> np.ndarray:
    """A smooth random walk of an arm's pose and gripper."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(length, 7)) * 0.02
    steps[:, 3:6] = random.normal(size=(length, 3)) * 0.1
    steps[:, 6] = random.uniform(-0.05, 0.05, length)
    return np.cumsum(steps, axis=0)


def write_droid(folder: Path, length: int, *, fps: int = 12, seed: int = 0) -> np.ndarray:
    """An episode with two cameras, of which ``ext1`` is 111; returns its states."""
    states = poses(length, seed=seed)
    folder.mkdir(parents=True)
    with h5py.File(folder / "trajectory.h5", "w") as file:
        robot = file.create_group("observation/robot_state")
        robot["cartesian_position"] = states[:, :6]
        robot["gripper_position"] = states[:, 6]
    write_video(folder / "recordings/MP4/111.mp4", range(length), fps=fps)
    write_video(folder / "recordings/MP4/222.mp4", [39] * length, fps=fps)
    write_video(folder / "recordings/MP4/111-stereo.mp4", [0] * length, fps=fps)
    names = {"ext1_cam_serial": "111", "wrist_mp4_path": "lab/recordings/MP4/222.mp4"}
    (folder / "metadata_x.json").write_text(json.dumps(names))
    return states


def write_lerobot(folder: Path, lengths: list[int], *, version: str, pictures: str) -> None:
    """Action ``i`` of episode ``e`` is ``(100 e + i, -i)``, its state ``(100 e + i, 1, 2)``."""
    camera, fps = "observation.images.top", 10
    vector = {"dtype": "float32", "shape": [2], "names": {"motors": ["left", "right"]}}
    features = {
        "observation.state": {"dtype": "float32", "shape": [3], "names": ["a", "b", "c"]},
        "action": vector,
        camera: {"dtype": pictures, "shape": [SIDE, SIDE, 3]},
    }
    info = {"codebase_version": version, "fps": fps, "features": features, "chunks_size": 2}
    (folder / "meta").mkdir(parents=True)
    (folder / "meta/info.json").write_text(json.dumps(info))
    tables = [_table(number, length, camera, pictures) for number, length in enumerate(lengths)]
    starts = np.cumsum([0, *lengths])
    if version.startswith("v2"):
        rows = [json.dumps({"episode_index": n, "length": k}) for n, k in enumerate(lengths)]
        (folder / "meta/episodes.jsonl").write_text("\n".join(rows) + "\n")
        for number, table in enumerate(tables):
            chunk, name = f"chunk-{number // 2:03d}", f"episode_{number:06d}"
            _write_table(folder / f"data/{chunk}/{name}.parquet", table)
            if pictures == "video":
                path = folder / f"videos/{chunk}/{camera}/{name}.mp4"
                write_video(path, range(lengths[number]), fps=fps)
        return
    _write_table(folder / "data/chunk-000/file-000.parquet", pa.concat_tables(tables))
    row: dict[str, list[Any]] = {"episode_index": list(range(len(lengths)))}
    for name in ("data", f"videos/{camera}"):
        row |= {f"{name}/{part}_index": [0] * len(lengths) for part in ("chunk", "file")}
    row[f"videos/{camera}/from_timestamp"] = [float(start) / fps for start in starts[:-1]]
    _write_table(folder / "meta/episodes/chunk-000/file-000.parquet", pa.table(row))
    write_video(
        folder / f"videos/{camera}/chunk-000/file-000.mp4",
        np.concatenate([np.arange(length) for length in lengths]),
        fps=fps,
    )


def _table(number: int, length: int, camera: str, pictures: str) -> pa.Table:
    steps = np.arange(length)
    columns: dict[str, Any] = {
        "episode_index": [number] * length,
        "timestamp": (steps / 10).astype(np.float32),
        "observation.state": [[100.0 * number + i, 1.0, 2.0] for i in steps],
        "action": [[100.0 * number + i, -float(i)] for i in steps],
    }
    if pictures == "image":
        columns[camera] = [{"bytes": _png(picture), "path": None} for picture in shades(steps)]
    return pa.table(columns)


def _png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def _write_table(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
