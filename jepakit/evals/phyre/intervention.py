"""What a model predicts of a scene when an object of it is hidden: features for the same probe."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from einops import repeat
from jaxtyping import Float, UInt8
from torch import Tensor

from jepakit.batch import BatchRequest
from jepakit.data.coverage import coverage_of
from jepakit.evals.phyre.scene_features import SceneClips, SceneFeaturiser
from jepakit.evals.phyre.scene_pictures import Drawn
from jepakit.protocols import Intervenes
from worlds.phyre import Task
from worlds.phyre.task import WALLS

Hidden = Literal["ball", "goal", "each", "none"]
HIDDEN: dict[Hidden, str] = {
    "ball": "the user's balls",
    "goal": "the two bodies that have to touch",
    "each": "the user's balls, and in turn the two bodies that have to touch,",
}


def intervention_featuriser(
    model: Intervenes, request: BatchRequest, hidden: Hidden
) -> SceneFeaturiser:
    """Predicted latents at the places of hidden objects, and the predicted change of the rest.

    For each removal: the context encoder sees the scene without the tokens that the objects touch,
    and the predictor says what is there and how the visible tokens differ from those of the full
    scene; the mean of the former beside the mean of the latter are ``2 d`` values (Causal-JEPA,
    Algorithm 3, lines 5-7).

    Args:
        model: predicts removals.
        request: the clips that it takes.
        hidden: what is removed; ``each`` puts two removals side by side, ``4 d`` values.
    """

    def featurise(scenes: SceneClips) -> Float[Tensor, "b f"]:
        coverage = scene_coverage(scenes.drawn, objects_of(scenes), request)
        parts: list[Tensor] = []
        for ids in removals(scenes, hidden):
            left = torch.from_numpy(one_left(coverage, ids)).to(scenes.frames.device)
            answer = model.intervene(scenes.frames, left, ids)
            visible = answer.visible.sum(dim=1, keepdim=True)
            parts += [answer.pooled.float(), answer.residual.float().sum(dim=1) / visible]
        return torch.cat(parts, dim=1)

    return featurise


def objects_of(scenes: SceneClips) -> int:
    """Bodies after the walls and user's balls: the highest id."""
    return len(scenes.task.bodies) - WALLS + scenes.drawn.centres.shape[1]


def removals(scenes: SceneClips, hidden: Hidden) -> list[list[list[int]]]:
    """For each removal the ids that it hides in each scene.

    Raises:
        ValueError: neither body of the goal is seen in a scene.
    """
    last = objects_of(scenes)
    balls = list(range(last - scenes.drawn.centres.shape[1] + 1, last + 1))
    found = []
    if hidden in ("ball", "each"):
        found.append([balls] * len(scenes.frames))
    if hidden in ("goal", "each"):
        goal = goal_ids(scenes.task)
        found.append([_seen(goal, labels, scenes.task) for labels in scenes.drawn.labels])
    return found


def goal_ids(task: Task) -> list[int]:
    """Ids of the two bodies of the task's relation; the walls, which lie outside, have none."""
    ids = [index - WALLS + 1 for index in (task.subject, task.object)]
    return [identity for identity in ids if identity > 0]


def _seen(goal: list[int], labels: UInt8[np.ndarray, "h w"], task: Task) -> list[int]:
    seen = [identity for identity in goal if (labels == identity).any()]
    if not seen:
        raise ValueError(
            f"Neither body of the goal of task {task.identity} is seen in pictures of "
            f"{labels.shape[0]} pixels; hide the ball instead."
        )
    return seen


def scene_coverage(
    drawn: Drawn, objects: int, request: BatchRequest
) -> UInt8[np.ndarray, "b k tt hh ww"]:
    """How much of each token an object covers, the same in all tubelets.

    A ball may be smaller than a pixel: the token of its centre always counts as touched.
    """
    patch = request.patch
    # The pictures stand for the frames of a clip here; no token of it spans two of them.
    coverage = coverage_of(drawn.labels, objects, patch=patch, tubelet=1).swapaxes(0, 1).copy()
    rows, columns = coverage.shape[2:]
    for number in range(drawn.centres.shape[1]):
        x, y = drawn.centres[:, number].T
        column = np.minimum((x * columns).astype(int), columns - 1)
        row = np.minimum((y * rows).astype(int), rows - 1)
        ball = coverage[:, objects - drawn.centres.shape[1] + number]
        place = np.arange(len(ball)), row, column
        ball[place] = np.maximum(ball[place], 1)
    return repeat(coverage, "b k hh ww -> b k tt hh ww", tt=request.grid[0])


def one_left(
    coverage: UInt8[np.ndarray, "b k tt hh ww"], ids: list[list[int]]
) -> UInt8[np.ndarray, "b k tt hh ww"]:
    """The same, but where a removal would hide every token the least covered place stays visible.

    Happens where pictures have few tokens: a model must see something.
    """
    kept = coverage.copy()
    for sample, objects in enumerate(ids):
        covered = coverage[sample, [identity - 1 for identity in objects], 0].max(axis=0)
        if (covered > 0).all():
            row, column = np.unravel_index(covered.argmin(), covered.shape)
            kept[sample, :, :, row, column] = 0
    return kept
