"""Questions about the world after a removal, answered from the label maps of the re-simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8

from jepakit.evals.probes.linear_probe import Kind

MOVED = 0.05  # of the picture's side, by the middle of an object
Level = Literal["scene", "object"]


@dataclass(frozen=True)
class Question:
    """What is asked once per removal (``scene``), or of each other object (``object``)."""

    level: Level
    kind: Kind
    text: str


QUESTIONS: dict[str, Question] = {
    "end_height": Question(
        "scene", "regression", "mean height of the other movable objects in the last frame"
    ),
    "moved_objects": Question(
        "scene", "regression", f"other movable objects that end {MOVED:.0%} of the picture away"
    ),
    "at_rest": Question(
        "scene", "binary", "no other movable object moves between the last two frames"
    ),
    "object_moves": Question(
        "object", "binary", f"whether the object ends {MOVED:.0%} of the picture from its start"
    ),
    "object_end_height": Question("object", "regression", "height of the object in the last frame"),
}
"""By name; heights are shares of the picture, upwards."""


def scene_answers(
    labels: UInt8[np.ndarray, "t h w"], movable: Bool[np.ndarray, " k"], removed: int
) -> dict[str, float]:
    """Answers for the clip without an object; NaN where no other movable object is seen."""
    others = movable.copy()
    others[removed - 1] = False
    start, last, end = (_middles(labels[i], len(movable))[others] for i in (0, -2, -1))
    seen = np.isfinite(end[:, 0])
    if not seen.any():
        return dict.fromkeys(("end_height", "moved_objects", "at_rest"), math.nan)
    step = np.hypot(*(end - last).T)[seen]
    return {
        "end_height": float(end[seen, 1].mean()),
        "moved_objects": float((np.hypot(*(end - start).T) >= MOVED).sum()),
        "at_rest": float(not (step > AT_REST / labels.shape[1]).any()),
    }


AT_REST = 0.25  # pixels between two frames; rounding of an outline shifts a middle by less


def object_answers(
    labels: UInt8[np.ndarray, "t h w"], objects: int
) -> dict[str, Float[np.ndarray, " k"]]:
    """Answers for each object; NaN for those that are not seen at the start and the end."""
    start, end = (_middles(labels[i], objects) for i in (0, -1))
    distance = np.hypot(*(end - start).T)
    return {
        "object_moves": np.where(np.isfinite(distance), distance >= MOVED, np.nan),
        "object_end_height": end[:, 1],
    }


def _middles(labels: UInt8[np.ndarray, "h w"], objects: int) -> Float[np.ndarray, "k 2"]:
    """Mean place of each object's pixels: x, and y upwards, as shares of the picture."""
    height, width = labels.shape
    rows, columns = np.indices(labels.shape)
    count = np.bincount(labels.ravel(), minlength=objects + 1)[1:]
    found = np.full((objects, 2), np.nan)
    for axis, place in enumerate(((columns + 0.5) / width, 1 - (rows + 0.5) / height)):
        total = np.bincount(labels.ravel(), place.ravel(), minlength=objects + 1)[1:]
        np.divide(total, count, out=found[:, axis], where=count > 0)
    return found
