"""Views of labelled videos: batches of clips, and who all of them are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor


@dataclass(frozen=True)
class LabelledClips:
    """A batch of views of videos.

    Attributes:
        frames: RGB, 0..255. A whole multiple of the encoder's frames is that many segments of one
            view: they are encoded one by one and a probe reads their tokens together.
        labels: number of each clip's class, 0 to ``classes - 1``.
        videos: the video that each clip was cut from; answers are averaged over its views.
        groups: source of each video (scene, recording, subject): videos of one group are not
            independent, so splits and bootstraps take them together.
        views: number of each clip among the views of its video.
    """

    frames: UInt8[Tensor, "b t h w 3"]
    labels: Int[Tensor, " b"]
    videos: tuple[str, ...]
    groups: tuple[str, ...]
    views: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse columns of different lengths."""
        lengths = {
            name: len(getattr(self, name))
            for name in ("frames", "labels", "videos", "groups", "views")
        }
        if len(set(lengths.values())) > 1:
            raise ValueError(f"Every clip needs one of each; the lengths are {lengths}.")

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.videos)

    def of_groups(self, groups: Collection[str]) -> LabelledClips:
        """The clips of these groups only."""
        rows = [row for row, group in enumerate(self.groups) if group in groups]
        return LabelledClips(
            frames=self.frames[rows],
            labels=self.labels[rows],
            videos=tuple(self.videos[row] for row in rows),
            groups=tuple(self.groups[row] for row in rows),
            views=tuple(self.views[row] for row in rows),
        )

    def without_frames(self) -> LabelledClips:
        """The same clips without their pixels, to remember who they are."""
        return replace(self, frames=self.frames.new_empty(len(self), 0, 0, 0, 3))

    def to(self, device: torch.device | str) -> LabelledClips:
        """The same clips with their tensors on ``device``."""
        return replace(self, frames=self.frames.to(device), labels=self.labels.to(device))


@dataclass(frozen=True)
class ClipTable:
    """Who the clips of a data set are, a row each; see :class:`LabelledClips`."""

    labels: Int[np.ndarray, " n"]
    videos: np.ndarray
    groups: np.ndarray
    views: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, batches: Sequence[LabelledClips]) -> ClipTable:
        """From all batches of a pass.

        Raises:
            ValueError: no clips, or a video with two labels or two groups.
        """
        if not any(len(batch) for batch in batches):
            raise ValueError("No clips: the data set (or the split) is empty.")
        table = cls(
            labels=torch.cat([batch.labels for batch in batches]).cpu().numpy(),
            videos=np.asarray([video for batch in batches for video in batch.videos]),
            groups=np.asarray([group for batch in batches for group in batch.groups]),
            views=np.asarray([view for batch in batches for view in batch.views]),
        )
        for what, values in (("label", table.labels), ("group", table.groups)):
            pairs = set(zip(table.videos.tolist(), values.tolist(), strict=True))
            several = [video for video, n in Counter(video for video, _ in pairs).items() if n > 1]
            if several:
                raise ValueError(
                    f"Every video has one {what}; {len(several)} have several, such as "
                    f"{sorted(several)[:3]}."
                )
        return table

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.labels)

    def check_labels(self, classes: int, title: str) -> None:
        """Refuse labels outside of the classes; ``title`` says which clips these are."""
        wrong = ~((self.labels >= 0) & (self.labels < classes))
        if wrong.any():
            raise ValueError(
                f"Labels of {classes} classes go from 0 to {classes - 1}; {wrong.sum()} {title} "
                f"clips have others, such as {np.unique(self.labels[wrong])[:5].tolist()}."
            )

    def check_views(self) -> None:
        """Refuse a view that is given twice: it would weigh double in its video's answer."""
        pairs = Counter(zip(self.videos.tolist(), self.views.tolist(), strict=True))
        twice = [pair for pair, count in pairs.items() if count > 1]
        if twice:
            raise ValueError(
                f"A view of a test video counts once; given more than once: {twice[:3]} "
                f"({len(twice)} of {len(pairs)})."
            )
