"""A clip to look at: frames, where they come from, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8


@dataclass(frozen=True)
class SceneTruth:
    """What a generated scene knows of itself.

    Attributes:
        labels: label map of every frame, 0 background, ``i`` object ``i``.
        centres: row and column of every object's visible pixels in each frame, in pixels; NaN where
            it does not show. Object ``i`` is row ``i - 1``.
        names: of the objects, in order.
        without: the same world simulated again without object ``i``, by ``i``.
    """

    labels: UInt8[np.ndarray, "t h w"]
    centres: Float[np.ndarray, "k t 2"]
    names: tuple[str, ...]
    without: Mapping[int, UInt8[np.ndarray, "t h w 3"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Clip:
    """Frames of a video, or of a generated scene.

    Attributes:
        frames: RGB, 0..255.
        fps: frames per second of these frames.
        name: shown to people; never a path.
        source_frames: number of each frame in the source.
        truth: known of generated scenes only.
    """

    frames: UInt8[np.ndarray, "t h w 3"]
    fps: float
    name: str
    source_frames: tuple[int, ...]
    truth: SceneTruth | None = None

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.frames.shape[1], self.frames.shape[2]
