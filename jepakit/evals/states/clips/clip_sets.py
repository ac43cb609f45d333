"""Motion clips and videos as sets of clips that can be traced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Int, UInt8
from rich.progress import Progress

from jepakit.batch import BatchRequest
from jepakit.evals.states.clips.video_clips import VideoClips, cut_videos
from worlds.motion import DIRECTIONS, Boundary, MotionClips, Order, Perturbation

Data = Literal["scs", "csc", "pair", "video"]
FLOW_DIRECTIONS = ("right", "up", "left", "down")
SCENES: dict[str, Literal["simple", "complex", "pair"]] = {
    "scs": "simple",
    "csc": "complex",
    "pair": "pair",
}


@dataclass(frozen=True)
class TracedMotion:
    """Motion clips as a :class:`~jepakit.interp.clip_set.ClipSet`; every clip is its own source."""

    clips: MotionClips

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.clips)

    @property
    def keys(self) -> tuple[str, ...]:
        """What decides a clip's content, so that a store knows its own clips again."""
        c = self.clips
        shift = "" if c.perturbation == Perturbation() else f" {c.perturbation}"
        kind = f"{c.scene} {c.order} {c.boundary}{shift} {c.split!r} {c.seed}"
        return tuple(f"{kind} {number}" for number in range(len(self)))

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        """Direction of each clip."""
        return self.clips.labels

    @property
    def groups(self) -> tuple[str, ...]:
        """Its number: clips are independent."""
        return tuple(str(number) for number in range(len(self)))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the directions."""
        return DIRECTIONS

    def frames(self, indices: Sequence[int]) -> UInt8[np.ndarray, "b t h w 3"]:
        """Drawn anew."""
        return np.stack([self.clips.clip(int(number)).frames for number in indices])

    def perturbed(self, perturbation: Perturbation) -> TracedMotion:
        """The same motion, clip by clip, under a shift of the whole set."""
        return TracedMotion(replace(self.clips, perturbation=perturbation))


@dataclass(frozen=True)
class TracedVideos:
    """Labelled cuts of videos; the video is the source."""

    clips: VideoClips

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.clips)

    @property
    def keys(self) -> tuple[str, ...]:
        """Video and frames."""
        return tuple(
            f"{cut.video} {','.join(map(str, cut.numbers))} {self.clips.size}"
            for cut in self.clips.cuts
        )

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        """Directions that occur, numbered in their order."""
        return np.unique(self.clips.labels, return_inverse=True)[1].astype(np.int64)

    @property
    def groups(self) -> tuple[str, ...]:
        """Video of each clip."""
        return self.clips.videos

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the directions that occur."""
        return tuple(FLOW_DIRECTIONS[label] for label in np.unique(self.clips.labels))

    def frames(self, indices: Sequence[int]) -> UInt8[np.ndarray, "b t h w 3"]:
        """Decoded anew."""
        return np.stack([self.clips.clip(int(number)).frames for number in indices])


TracedClips = TracedMotion | TracedVideos


def traced_clips(
    data: Data,
    request: BatchRequest,
    *,
    per_class: int | None = None,
    videos: str | None = None,
    order: Order = "forward",
    boundary: Boundary = "inside",
    seed: int = 0,
    progress: Progress | None = None,
) -> TracedClips:
    """The clips of a data set in the size that an encoder takes.

    Args:
        data: kind of clips.
        request: of the encoder.
        per_class: clips of each direction; the paper's 50 (complex: 25) by default.
        videos: folder or list of videos, for ``video``.
        order: of the frames of drawn clips, see :class:`worlds.motion.MotionClips`.
        boundary: of drawn clips.
        seed: of drawn clips.
        progress: a running progress display to draw on.

    Raises:
        ValueError: no videos given, frames that are no squares, or as :func:`cut_videos`.
    """
    if data == "video":
        if (order, boundary) != ("forward", "inside"):
            raise ValueError("Only drawn clips have another order or boundary, videos have not.")
        if videos is None:
            raise ValueError("--data video needs --videos, a folder or a list of video files.")
        cut = cut_videos(videos, frames=request.frames, size=request.size, progress=progress)
        return TracedVideos(cut)
    rows, columns = request.size
    if rows != columns:
        raise ValueError(f"Motion clips are squares, and the encoder takes {rows} x {columns}.")
    clips = MotionClips(
        request.frames,
        rows,
        scene=SCENES[data],
        per_class=per_class,
        split="states",
        seed=seed,
        order=order,
        boundary=boundary,
    )
    return TracedMotion(clips)
