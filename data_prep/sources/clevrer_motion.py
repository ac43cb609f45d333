"""CLEVRER's annotation of a video: objects, how they move, and when they collide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from data_prep.sources.json_records import field_of, numbers_of
from jepakit.data.manifest import LabelKind
from jepakit.data.schema import CONTACTS

LOOKS = ("color", "material", "shape")  # together they tell the objects of a video apart
VECTORS = ("location", "orientation", "velocity", "angular_velocity")
STATES = {
    "names": [f"{name}_{axis}" for name in VECTORS for axis in "xyz"] + ["inside_camera_view"],
    "units": ["scene"] * 3 + ["rad"] * 3 + ["scene/s"] * 3 + ["rad/s"] * 3 + ["1"],
}
LABEL_KINDS: dict[str, LabelKind] = {
    "objects": "regression",
    "collisions": "regression",
    "entering_objects": "regression",
}


@dataclass(frozen=True)
class Motion:
    """What an annotation says.

    Attributes:
        objects: looks and ``object_id`` by the id used here, which is one more: 0 is background.
        states: by the rows of ``objects``; zeros where a frame does not list an object.
        contacts: collisions; their impulse is not recorded and NaN.
    """

    objects: dict[int, dict[str, Any]]
    states: Float[ndarray, "frames k 13"]
    contacts: Shaped[ndarray, " c"]

    @property
    def labels(self) -> dict[str, float]:
        """``objects`` of the video, ``collisions``, and ``entering_objects``, which come into view
        after the first frame.
        """
        views = self.states[:, :, -1] > 0
        entering = ~views[0] & views.any(axis=0)
        return {
            "objects": float(len(self.objects)),
            "collisions": float(len(self.contacts)),
            "entering_objects": float(entering.sum()),
        }


def motion_of(annotation: Any, frames: int, where: str) -> Motion:
    """Read an annotation.

    Args:
        annotation: the JSON value.
        frames: of the video.
        where: its file, for errors.

    Raises:
        ValueError: a field is missing or wrong, an id is unknown or twice there, or frames are not
            numbered from 0 without a gap.
    """
    objects = _objects(annotation, where)
    rows = {identity: row for row, identity in enumerate(objects)}
    trajectory = field_of(annotation, "motion_trajectory", list, where)
    if len(trajectory) != frames:
        raise ValueError(
            f"{where}: field 'motion_trajectory' has {len(trajectory)} frames, the video {frames}."
        )
    states = np.zeros((frames, len(rows), len(STATES["names"])))
    for number, frame in enumerate(trajectory):
        here = f"{where}: motion_trajectory[{number}]"
        stated = field_of(frame, "frame_id", int, here)
        if stated != number:
            raise ValueError(f"{here}: field 'frame_id' should be {number}, came {stated}.")
        for row, values in _frame(frame, rows, here).items():
            states[number, row] = values
    return Motion(objects, states, _contacts(annotation, frames, rows, where))


def _objects(annotation: Any, where: str) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for number, entry in enumerate(field_of(annotation, "object_property", list, where)):
        here = f"{where}: object_property[{number}]"
        identity = field_of(entry, "object_id", int, here)
        if identity < 0 or identity + 1 in found:
            raise ValueError(f"{here}: field 'object_id' is negative or there twice: {identity}.")
        looks = {name: field_of(entry, name, str, here) for name in LOOKS}
        found[identity + 1] = {"kind": looks["shape"], "object_id": identity, **looks}
    return found


def _frame(frame: Any, rows: dict[int, int], where: str) -> dict[int, list[float]]:
    """Values by row."""
    found: dict[int, list[float]] = {}
    for number, entry in enumerate(field_of(frame, "objects", list, where)):
        here = f"{where}: objects[{number}]"
        row = _row(field_of(entry, "object_id", int, here), rows, here)
        if row in found:
            raise ValueError(f"{here}: field 'object_id' names an object a second time.")
        values = [value for name in VECTORS for value in numbers_of(entry, name, 3, here)]
        found[row] = [*values, float(field_of(entry, "inside_camera_view", bool, here))]
    return found


def _contacts(
    annotation: Any, frames: int, rows: dict[int, int], where: str
) -> Shaped[ndarray, " c"]:
    found = []
    for number, entry in enumerate(field_of(annotation, "collision", list, where)):
        here = f"{where}: collision[{number}]"
        step = field_of(entry, "frame_id", int, here)
        pair = field_of(entry, "object_ids", list, here)
        if not 0 <= step < frames:
            raise ValueError(f"{here}: field 'frame_id' {step} is none of the {frames} frames.")
        if len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"{here}: field 'object_ids' should be two ids, came {pair!r:.80}.")
        for identity in pair:
            _row(identity, rows, here)
        found.append((step, min(pair) + 1, max(pair) + 1, np.nan))
    return np.array(found, dtype=CONTACTS)


def _row(identity: Any, rows: dict[int, int], where: str) -> int:
    if type(identity) is not int or identity + 1 not in rows:
        raise ValueError(f"{where}: object id {identity!r:.40} is not in 'object_property'.")
    return rows[identity + 1]
