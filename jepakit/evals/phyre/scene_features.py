"""Frozen features of initial scenes with actions drawn in, taken once per task and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import torch
from einops import repeat
from jaxtyping import Float, Shaped
from rich.progress import Progress

from jepakit.batch import BatchRequest
from jepakit.evals.features import Featuriser
from jepakit.evals.phyre.actions import TaskActions
from jepakit.evals.phyre.scene_pictures import draw_actions

Vectors = Shaped[np.ndarray, "s d"]
"""One row per action; floats, or uint8 pixels."""


class SceneFeatures:
    """Features by name of every (task, action) pair asked for.

    The picture of an action is repeated to the length of the clips that the encoders were trained
    on: nothing of the outcome is shown.

    Args:
        featurisers: clips to features, by name; all take clips of the same kind.
        request: that kind.
        device: where the featurisers live.
        batch_size: clips per forward pass.
        progress: a running progress display to count actions on.

    Raises:
        ValueError: clips that are not square.
    """

    def __init__(
        self,
        featurisers: Mapping[str, Featuriser],
        request: BatchRequest,
        *,
        device: torch.device | str = "cpu",
        batch_size: int = 64,
        progress: Progress | None = None,
    ) -> None:
        height, width = request.size
        if height != width:
            raise ValueError(f"PHYRE's scenes are square; the encoder takes {height} x {width}.")
        self.featurisers, self.request = featurisers, request
        self.device, self.batch_size = torch.device(device), batch_size
        self._kept: dict[str, dict[str, Vectors]] = {}
        self._progress = progress
        self._bar = progress.add_task("features of actions", total=None) if progress else None

    def named(self, name: str) -> Callable[[TaskActions], Vectors]:
        """The features of one featuriser, as a function of a task's actions."""
        return lambda bank: self.of(bank)[name]

    def of(self, bank: TaskActions) -> Mapping[str, Vectors]:
        """Features of each action by name; all featurisers look at the same pictures.

        Raises:
            ValueError: features that are not finite.
        """
        digest = hashlib.blake2b(np.ascontiguousarray(bank.actions).tobytes(), digest_size=8)
        key = f"{bank.task.identity}/{digest.hexdigest()}"
        if key not in self._kept:
            self._kept[key] = self._encode(bank)
        return self._kept[key]

    def _encode(self, bank: TaskActions) -> dict[str, Vectors]:
        parts: dict[str, list[Vectors]] = {name: [] for name in self.featurisers}
        pictures = draw_actions(bank.task, bank.actions, self.request.size[0])
        with torch.inference_mode():
            for start in range(0, len(bank), self.batch_size):
                batch = torch.from_numpy(pictures[start : start + self.batch_size])
                clips = repeat(batch.to(self.device), "b h w c -> b t h w c", t=self.request.frames)
                for name, featurise in self.featurisers.items():
                    parts[name].append(featurise(clips).cpu().numpy())
                if self._progress and self._bar is not None:
                    self._progress.advance(self._bar, len(batch))
        rows = {name: np.concatenate(found) for name, found in parts.items()}
        for name, found in rows.items():
            if np.issubdtype(found.dtype, np.floating) and not np.isfinite(found).all():
                raise ValueError(f"Features '{name}' of task {bank.task.identity} are not finite.")
        return rows


def as_floats(rows: Vectors) -> Float[np.ndarray, "s d"]:
    """Float64 rows, pixels scaled to [0, 1]."""
    return rows / 255.0 if rows.dtype == np.uint8 else rows.astype(np.float64)
