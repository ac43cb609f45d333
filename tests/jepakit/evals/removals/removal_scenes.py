"""Hand-made clips with known consequences of removals, and models that know them or nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from jepakit.batch import BatchRequest
from jepakit.data.coverage import coverage_of
from jepakit.data.schema import CONTACTS, Counterfactual
from jepakit.evals.removals.removal_clips import RemovalClip
from jepakit.protocols import Intervention

REQUEST = BatchRequest(frames=4, size=(16, 16), patch=4, tubelet=2)
OBJECTS = 4


def label_map(places: Sequence[Sequence[int] | None], frames: int = 4) -> np.ndarray:
    """Objects of 3 x 3 pixels at rows ``places[i]``, one row per frame, each in its own columns."""
    labels = np.zeros((frames, 16, 16), np.uint8)
    for number, rows in enumerate(places):
        for frame in range(frames if rows is not None else 0):
            assert rows is not None
            row = rows[min(frame, len(rows) - 1)]
            labels[frame, row : row + 3, 4 * number : 4 * number + 3] = number + 1
    return labels


def scene(seed: int, *, contacts: bool = True) -> RemovalClip:
    """Four objects; without one of the first two, its neighbour to the right falls to the floor."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 8, OBJECTS).tolist()
    places = [[row] for row in start]
    labels = label_map(places)
    frames = rng.integers(0, 50, (4, 16, 16, 3)) + 50 * labels[..., None] % 200
    without = {}
    for removed in range(1, OBJECTS + 1):
        other: list[list[int] | None] = [list(p) for p in places]
        other[removed - 1] = None
        if removed in (1, 2):
            other[removed] = [start[removed], 13]
        maps = label_map(other)
        without[removed] = Counterfactual((maps[..., None] * 50).repeat(3, -1), maps)
    log = np.array([(3, 1, 2, 0.1), (5, 2, 3, 0.1)], CONTACTS)
    return RemovalClip(
        key=f"clip-{seed}",
        group=f"g{seed}",
        frames=frames.astype(np.uint8),
        labels=labels,
        coverage=coverage_of(labels, OBJECTS, patch=4, tubelet=2),
        movable=np.ones(OBJECTS, bool),
        without=without,
        contacts=log if contacts else None,
        states=None,
        steps=210,
        details={},
        fps=2.0,
    )


class Oracle:
    """Knows what the removal of an object changes, from the frames of :func:`scene`'s clips."""

    def __init__(self, clips: Sequence[RemovalClip], *, scale: float = 1.0) -> None:
        self.clips = {clip.frames.tobytes(): clip for clip in clips}
        self.scale = scale

    @property
    def request(self) -> BatchRequest:
        return REQUEST

    @property
    def width(self) -> int:
        return 1

    def encode(self, frames: Tensor) -> Tensor:
        """One number per token: its mean value."""
        blocks = frames.float().mean(dim=-1).unfold(1, 2, 2).unfold(2, 4, 4).unfold(3, 4, 4)
        return blocks.mean(dim=(-1, -2, -3)).flatten(1).unsqueeze(-1)

    def intervene(
        self, frames: Tensor, coverage: Tensor, objects: Sequence[Sequence[int]]
    ) -> Intervention:
        residual, visible = [], []
        for pixels, covered, (identity,) in zip(frames, coverage, objects, strict=True):
            clip = self.clips[pixels.numpy().tobytes()]
            moved = clip.labels != clip.without[identity].labels
            moved &= clip.labels != identity
            share = coverage_of(moved.astype(np.uint8), 1, patch=4, tubelet=2).ravel()
            shown = (covered[identity - 1].flatten() == 0).long()
            residual.append(self.scale * torch.from_numpy(share).float() * shown)
            visible.append(shown)
        left = torch.stack(visible)
        change = torch.stack(residual).unsqueeze(-1)
        full = self.encode(frames)
        return Intervention(full - change, change, left, full.mean(dim=1))


class Guesser(Oracle):
    """Residuals drawn at random."""

    def intervene(
        self, frames: Tensor, coverage: Tensor, objects: Sequence[Sequence[int]]
    ) -> Intervention:
        answer = super().intervene(frames, coverage, objects)
        draws = torch.Generator().manual_seed(int(frames.sum()) + sum(o[0] for o in objects))
        noise = torch.randn(answer.residual.shape, generator=draws)
        return Intervention(answer.predicted, noise, answer.visible, answer.pooled)
