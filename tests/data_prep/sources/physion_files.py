"""Trials in Physion's layout."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
from numpy import ndarray
from PIL import Image

FRAMES, SIZE = 5, 48
IDS = (3, 7, 12)  # of the simulator
COLOURS = np.array([[200, 10, 10], [10, 200, 10], [200, 10, 11]], np.uint8)
ROOM = (90, 90, 90)


def drawn_ids(frame: int) -> ndarray:
    """Row + 1 of three blocks, the second moving."""
    ids = np.zeros((SIZE, SIZE), int)
    ids[2:12, 2:12] = 1
    ids[15:25, 4 * frame : 4 * frame + 10] = 2
    ids[30:44, 20:40] = 3
    return ids


def drawn_picture(frame: int) -> ndarray:
    picture = np.full((SIZE, SIZE, 3), 30 + 10 * frame, np.uint8)
    picture[drawn_ids(frame) > 0] = 220
    return picture


def encoded(picture: ndarray, form: str) -> ndarray:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, form)
    return np.frombuffer(stream.getvalue(), np.uint8)


def write_trial(path: Path, *, touches: bool = True, camera: str = "", form: str = "JPEG") -> None:
    """Part ``p`` of object ``o`` in frame ``t`` starts at ``100 p + 10 o + t``; objects 3 and 7
    touch in frames 1 and 2, 12 rests on the floor throughout.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        static = file.create_group("static")
        static["object_ids"] = np.array(IDS)
        static["object_segmentation_colors"] = COLOURS
        static["model_names"] = [b"cone", b"cube", b"sphere"]
        static["mass"] = np.array([1.0, 2.0, 3.0])
        static["bounciness"] = np.array([0.1, 0.2, 0.3])
        static["target_id"], static["zone_id"] = 7, 12
        static["stimulus_name"] = "collide_0001"
        for t in range(FRAMES):
            frame = file.create_group(f"frames/{t:04d}")
            frame[f"images/_img{camera}"] = encoded(drawn_picture(t), form)
            paints = np.array([ROOM, *COLOURS], np.uint8)
            frame[f"images/_id{camera}"] = encoded(paints[drawn_ids(t)], "PNG")
            for part, (name, width) in enumerate(
                (("positions", 3), ("rotations", 4), ("velocities", 3), ("angular_velocities", 3))
            ):
                end = camera if part < 2 else ""
                rows = 100 * part + 10 * np.arange(3)[:, None] + t + np.arange(width) / 8
                frame[f"objects/{name}{end}"] = rows.astype(np.float32)
            pairs = [[7, 3], [3, 7]] if t in (1, 2) else []
            frame["collisions/object_ids"] = np.array(pairs, np.int32).reshape(-1, 2)
            frame["env_collisions/object_ids"] = np.array([12, 12], np.int32)
            frame["labels/target_contacting_zone"] = touches and t == 3
