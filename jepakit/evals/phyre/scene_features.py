"""Frozen features of initial scenes with actions drawn in, taken once and kept for a while."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from einops import repeat
from jaxtyping import Float, Shaped, UInt8
from rich.progress import Progress
from torch import Tensor

from jepakit.batch import BatchRequest
from jepakit.evals.phyre.actions import Candidates
from jepakit.evals.phyre.scene_pictures import Drawn, draw_actions
from jepakit.evals.probes.features import Featuriser
from worlds.phyre import Task

Vectors = Shaped[np.ndarray, "s d"]
"""One row per action; floats, or uint8 pixels."""

KEPT_BYTES = 2**31


@dataclass(frozen=True)
class SceneClips:
    """Some actions of a task as clips of equal frames, with what was drawn.

    Attributes:
        task: the task.
        frames: the picture of each action, repeated.
        drawn: the pictures and where objects are in them.
    """

    task: Task
    frames: UInt8[Tensor, "b t h w 3"]
    drawn: Drawn


SceneFeaturiser = Callable[[SceneClips], Tensor]
"""Scenes to a row of features each."""


def of_frames(featurise: Featuriser) -> SceneFeaturiser:
    """Features of the frames alone."""
    return lambda scenes: featurise(scenes.frames)


class SceneFeatures:
    """Features by name of every (task, action) pair asked for.

    The picture of an action is repeated to the length of the clips that the encoders were trained
    on: nothing of the outcome is shown.

    Args:
        featurisers: scenes to features, by name; all take clips of the same kind.
        request: that kind.
        device: where the featurisers live.
        batch_size: clips per forward pass.
        kept_bytes: features kept in memory; what was asked for last is kept in any case.
        progress: a running progress display to count actions on.

    Raises:
        ValueError: clips that are not square.
    """

    def __init__(
        self,
        featurisers: Mapping[str, SceneFeaturiser],
        request: BatchRequest,
        *,
        device: torch.device | str = "cpu",
        batch_size: int = 64,
        kept_bytes: int = KEPT_BYTES,
        progress: Progress | None = None,
    ) -> None:
        height, width = request.size
        if height != width:
            raise ValueError(f"PHYRE's scenes are square; the encoder takes {height} x {width}.")
        self.featurisers, self.request = featurisers, request
        self.device, self.batch_size = torch.device(device), batch_size
        self.kept_bytes = kept_bytes
        self._kept: OrderedDict[str, dict[str, Vectors]] = OrderedDict()
        self._progress = progress
        self._bar = progress.add_task("features of actions", total=None) if progress else None

    def named(self, name: str) -> Callable[[Candidates], Vectors]:
        """The features of one featuriser, as a function of a task's actions."""
        return lambda candidates: self.of(candidates)[name]

    def of(self, candidates: Candidates) -> Mapping[str, Vectors]:
        """Features of each action by name; all featurisers look at the same pictures.

        Raises:
            ValueError: features that are not finite.
        """
        digest = hashlib.blake2b(np.ascontiguousarray(candidates.actions).tobytes(), digest_size=8)
        key = f"{candidates.task.identity}/{digest.hexdigest()}"
        if key not in self._kept:
            self._kept[key] = self._encode(candidates)
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and self._bytes() > self.kept_bytes:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _bytes(self) -> int:
        return sum(rows.nbytes for found in self._kept.values() for rows in found.values())

    def _encode(self, candidates: Candidates) -> dict[str, Vectors]:
        parts: dict[str, list[Vectors]] = {name: [] for name in self.featurisers}
        task = candidates.task
        with torch.inference_mode():
            for start in range(0, len(candidates), self.batch_size):
                actions = candidates.actions[start : start + self.batch_size]
                scenes = self._clips(task, actions)
                for name, featurise in self.featurisers.items():
                    parts[name].append(featurise(scenes).cpu().numpy())
                if self._progress and self._bar is not None:
                    self._progress.advance(self._bar, len(actions))
        rows = {name: np.concatenate(found) for name, found in parts.items()}
        for name, found in rows.items():
            if np.issubdtype(found.dtype, np.floating) and not np.isfinite(found).all():
                raise ValueError(f"Features '{name}' of task {task.identity} are not finite.")
        return rows

    def _clips(self, task: Task, actions: Float[np.ndarray, "s a"]) -> SceneClips:
        drawn = draw_actions(task, actions, self.request.size[0])
        pictures = torch.from_numpy(drawn.pictures).to(self.device)
        frames = repeat(pictures, "b h w c -> b t h w c", t=self.request.frames)
        return SceneClips(task, frames, drawn)


def as_floats(rows: Vectors) -> Float[np.ndarray, "s d"]:
    """Float64 rows, pixels scaled to [0, 1]."""
    return rows / 255.0 if rows.dtype == np.uint8 else rows.astype(np.float64)
