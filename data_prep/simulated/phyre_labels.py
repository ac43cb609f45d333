"""What came of an action: numbers to probe for.

They describe the whole attempt of 1,000 steps (16.7 s), however short the stored clip is, so that
nothing about the clip's length gives them away.
"""

from __future__ import annotations

import numpy as np

from jepakit.data.manifest import LabelKind
from worlds.phyre import Simulation, Status
from worlds.phyre.task import PIXELS_PER_METRE, SIZE, WALLS

SIDE = SIZE / PIXELS_PER_METRE  # metres
MOVED = 3.0 / PIXELS_PER_METRE  # an object that ends 3 pixels from where it began has moved

LABEL_KINDS: dict[str, LabelKind] = {
    "solved": "binary",
    "touch_ball_subject": "binary",
    "touch_ball_object": "binary",
    "touch_subject_object": "binary",
    "subject_moved": "binary",
    "end_x": "regression",
    "end_y": "regression",
    "moved_objects": "regression",
}
MIRRORED = ("end_x",)


def phyre_labels(attempt: Simulation) -> dict[str, float]:
    """Labels of an attempt that was simulated to the end of 1,000 steps with its contacts.

    ``subject`` and ``object`` are the two bodies of the task's relation (the subject moves),
    ``ball`` is any ball of the user. Positions are shares of the scene's side, y up, in the last
    frame that the stride records (step 961 of 1,000 at stride 60). Labels about
    an object that is an outer wall are left out: all walls share the id 0.
    """
    task = attempt.task
    subject, other = (body - WALLS + 1 for body in (task.subject, task.object))
    balls = range(len(task.bodies) - WALLS + 1, len(task.bodies) - WALLS + 1 + len(attempt.balls))
    labels = {"solved": float(attempt.status is Status.SOLVED)}
    touching = {(int(a), int(b)) for a, b in zip(*_ends(attempt), strict=True)}
    pairs = {
        "touch_ball_subject": [(ball, subject) for ball in balls],
        "touch_ball_object": [(ball, other) for ball in balls],
        "touch_subject_object": [(subject, other)],
    }
    for name, ids in pairs.items():
        if all(identity > 0 for pair in ids for identity in pair):
            labels[name] = float(any(tuple(sorted(pair)) in touching for pair in ids))
    start, end = attempt.states[0, :, :2], attempt.states[-1, :, :2]
    moved = np.hypot(*(end - start).T) > MOVED
    balls_start = len(attempt.identities) - len(attempt.balls)
    labels["moved_objects"] = float(moved[:balls_start].sum())
    if subject > 0:
        row = attempt.identities.index(subject)
        x, y = np.clip(end[row] / SIDE, 0.0, 1.0)
        labels |= {"end_x": float(x), "end_y": float(y), "subject_moved": float(moved[row])}
    return labels


def _ends(attempt: Simulation) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.unique(attempt.contacts[["a", "b"]])
    return pairs["a"], pairs["b"]
