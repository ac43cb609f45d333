"""Files in CLEVRER's layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from tiny_movies import moving_square, write_movie

FRAMES = 8
SIZE = 64
LOOKS = (("blue", "rubber", "sphere"), ("red", "metal", "cube"), ("gray", "metal", "cylinder"))


def annotation(number: int, frames: int = FRAMES) -> dict[str, Any]:
    """Column ``c`` of object ``o`` in frame ``t`` is ``100 o + t + c / 16``; the third object comes
    into view at frame 3.
    """
    trajectory = []
    for t in range(frames):
        objects = []
        for o in range(len(LOOKS)):
            values = (100 * o + t + np.arange(12) / 16).tolist()
            objects.append(
                {
                    "object_id": o,
                    "location": values[:3],
                    "orientation": values[3:6],
                    "velocity": values[6:9],
                    "angular_velocity": values[9:],
                    "inside_camera_view": o < 2 or t >= 3,
                }
            )
        trajectory.append({"frame_id": t, "objects": objects[::-1]})
    return {
        "scene_index": number,
        "video_filename": f"video_{number:05d}.mp4",
        "object_property": [
            {"object_id": o, "color": c, "material": m, "shape": s}
            for o, (c, m, s) in enumerate(LOOKS)
        ],
        "motion_trajectory": trajectory,
        "collision": [
            {"object_ids": [1, 0], "frame_id": 2, "location": [0.0, 1.0, 2.0]},
            {"object_ids": [0, 2], "frame_id": 6, "location": [0.0, 1.0, 2.0]},
        ],
    }


def scene_questions(number: int, *, answers: bool = True) -> dict[str, Any]:
    told: dict[str, Any] = {"answer": "sphere", "program": ["events"]} if answers else {}
    choice: dict[str, Any] = {"answer": "wrong", "program": ["x"]} if answers else {}
    return {
        "scene_index": number,
        "video_filename": f"video_{number:05d}.mp4",
        "questions": [
            {
                "question_id": 0,
                "question": "What is the shape of the object to collide with the cube?",
                "question_type": "descriptive",
                "question_subtype": "query_shape",
                **told,
            },
            {
                "question_id": 1,
                "question": "Which event will happen if the cylinder is removed?",
                "question_type": "counterfactual",
                "choices": [
                    {"choice_id": 0, "choice": "The sphere and the cube collide", **choice}
                ],
            },
        ],
    }


def drawn_masks(frame: int) -> list[ndarray]:
    """Masks of the three objects; the second overlaps the first."""
    masks = [np.zeros((SIZE, SIZE), bool) for _ in LOOKS]
    masks[0][5:25, 5 + frame : 30 + frame] = True
    masks[1][20:40, 20:40] = True
    masks[2][45:60, 50:64] = True
    return masks


def run_lengths(mask: ndarray) -> list[int]:
    """Counts down the columns, background first: the slow and obvious way."""
    runs, inside, length = [], False, 0
    for value in mask.T.ravel().tolist():
        if value != inside:
            runs.append(length)
            inside, length = value, 0
        length += 1
    return [*runs, length]


def compressed(runs: Sequence[int]) -> str:
    """As COCO's text: differences to the count two before, five bits a character."""
    text = ""
    for place, run in enumerate(runs):
        value, more = run - (runs[place - 2] if place > 2 else 0), True
        while more:
            low, value = value & 31, value >> 5
            more = not (value == 0 and low < 16) and not (value == -1 and low >= 16)
            text += chr(48 + low + (32 if more else 0))
    return text


def proposals(number: int, frames: int = FRAMES) -> dict[str, Any]:
    """Objects in another order in each frame; a green sphere that does not exist in frame 1."""
    found = []
    for t in range(frames):
        objects = []
        for o, mask in enumerate(drawn_masks(t)):
            runs = run_lengths(mask)
            counts: Any = compressed(runs) if (t + o) % 2 else runs
            look = dict(zip(("color", "material", "shape"), LOOKS[o], strict=True))
            score = 0.5 + 0.1 * o
            objects.append(
                {**look, "score": score, "mask": {"size": [SIZE, SIZE], "counts": counts}}
            )
        if t == 1:
            objects.append({**objects[0], "color": "green", "score": 0.99})
        found.append({"frame_index": t, "objects": objects[t % 3 :] + objects[: t % 3]})
    return {"video_index": number, "frames": found}


def write_clevrer(root: Path) -> None:
    """Videos 0 and 1 (train), 10000 (validation), 15000 (test); masks of video 1 alone."""
    for number in (0, 1, 10_000, 15_000):
        thousand = number // 1000 * 1000
        span = f"{thousand:05d}-{thousand + 1000:05d}"
        part = {0: "train", 10_000: "validation", 15_000: "test"}[thousand]
        video = root / f"video_{part}/video_{span}/video_{number:05d}.mp4"
        write_movie(video, moving_square(FRAMES, SIZE), fps=25)
        if part != "test":
            folder = root / f"annotation_{part}/annotation_{span}"
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(annotation(number))
            (folder / f"annotation_{number:05d}.json").write_text(text)
    (root / "train.json").write_text(json.dumps([scene_questions(0), scene_questions(1)]))
    (root / "test.json").write_text(json.dumps([scene_questions(15_000, answers=False)]))
    folder = root / "processed_proposals"
    folder.mkdir()
    (folder / "sim_00001.json").write_text(json.dumps(proposals(1)))
