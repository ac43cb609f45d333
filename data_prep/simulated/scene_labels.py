"""What happened in an interaction scene: numbers to probe for, meaning the same in every layout."""

from __future__ import annotations

import numpy as np

from jepakit.data.manifest import LabelKind
from worlds.scenes import SceneClip

MOVING = 0.05  # m/s
MOVED = 0.1  # m

LABEL_KINDS: dict[str, LabelKind] = {
    "touch_1_2": "binary",
    "touch_movable": "binary",
    "all_at_rest": "binary",
    "touching_pairs": "regression",
    "moved_objects": "regression",
    "end_speed": "regression",
    "end_x": "regression",
    "end_y": "regression",
}
MIRRORED = ("end_x",)


def scene_labels(clip: SceneClip) -> dict[str, float]:
    """Labels over the time of the clip.

    ``touch_1_2``: objects 1 and 2 touch; ``touch_movable``: any two movable objects touch;
    ``touching_pairs``: pairs of objects that do; ``moved_objects``: movable objects that end 0.1 m
    or more from where they began; ``end_speed`` (m/s), ``end_x`` and ``end_y`` (shares of the
    picture, y up): means over the movable objects in the last frame.
    """
    movable = np.array([item.dynamic for item in clip.objects])
    ids = {item.identity for item in clip.objects if item.dynamic}
    log = clip.contacts
    pairs = {(int(a), int(b)) for a, b in np.unique(log[["a", "b"]]) if a > 0}
    labels = {
        "touch_movable": float(any(a in ids and b in ids for a, b in pairs)),
        "touching_pairs": float(len(pairs)),
    }
    if {1, 2} <= set(clip.identities):
        labels["touch_1_2"] = float((1, 2) in pairs)
    if movable.any():
        start, end = clip.states[0, movable], clip.states[-1, movable]
        speed = np.hypot(end[:, 3], end[:, 4])
        scene = clip.designed.scene
        place = np.clip(end[:, :2] / (scene.width, scene.height), 0.0, 1.0).mean(axis=0)
        distance = np.hypot(*(end - start)[:, :2].T)
        labels |= {
            "all_at_rest": float((speed < MOVING).all()),
            "moved_objects": float((distance >= MOVED).sum()),
            "end_speed": float(speed.mean()),
            "end_x": float(place[0]),
            "end_y": float(place[1]),
        }
    return labels
