"""Which frames of a video make a clip: so many per second, or every so many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


@dataclass(frozen=True)
class FrameSampling:
    """Frames at equal distances in time (``fps``) or in number (``stride``); give one of them.

    A video that ends before the clip does repeats its last frame, as in V-JEPA 2; a still image is
    the limit case. V-JEPA 2 samples 4 frames per second. Differs: the nearest frame to each moment
    is taken, where V-JEPA 2 rounds to a stride, so that videos of any rate, also of a varying one,
    are shown at the same speed.

    Attributes:
        fps: frames per second of video (Hz). Where it exceeds the rate of a video, frames repeat.
        stride: distance of the frames taken; 1 takes each.
        clips: clips per video in a validation, spread evenly; training draws one at random.
    """

    fps: float | None = None
    stride: int | None = None
    clips: int = 1

    def __post_init__(self) -> None:
        """Refuse both or neither distance, and sizes below 1."""
        if (self.fps is None) == (self.stride is None):
            raise ValueError(
                f"Give fps (Hz, V-JEPA 2 takes 4) or stride (frames) and not both, got {self}."
            )
        if not (self.fps or self.stride or 0) > 0 or self.clips < 1:
            raise ValueError(f"fps, stride and clips must be positive, got {self}.")

    def numbers(
        self, seconds: Float[ndarray, " frames"], frames: int, *, at: float
    ) -> Int[ndarray, " t"]:
        """Numbers of the frames of a clip, ascending.

        Args:
            seconds: when each frame of the video is shown.
            frames: of the clip.
            at: where it starts, 0 the earliest and 1 the latest start at which it fits.
        """
        if self.stride is not None:
            slack = max(0, len(seconds) - 1 - (frames - 1) * self.stride)
            start = min(int(at * (slack + 1)), slack)
            return np.minimum(start + np.arange(frames) * self.stride, len(seconds) - 1)
        slack_seconds = max(0.0, seconds[-1] - seconds[0] - self._span(frames))
        moments = seconds[0] + at * slack_seconds + self._moments(frames)
        later = np.searchsorted(seconds, moments).clip(1, max(1, len(seconds) - 1))
        earlier = later - 1
        nearer = moments - seconds[earlier] > seconds[later % len(seconds)] - moments
        return np.minimum(np.where(nearer, later, earlier), len(seconds) - 1)

    def centre(self, clip: int) -> float:
        """``at`` of one of the evenly spread clips of a video; a single one is in the middle."""
        return (clip + 0.5) / self.clips

    def is_short(self, seconds: Float[ndarray, " frames"], frames: int) -> bool:
        """Whether a clip reaches beyond the video, whose last frame is then repeated."""
        if self.stride is not None:
            return (frames - 1) * self.stride > len(seconds) - 1
        # Half a distance is forgiven: the nearest frame to the last moment is then the last frame.
        return bool(self._span(frames) - 0.5 * self._span(2) > seconds[-1] - seconds[0])

    def _span(self, frames: int) -> float:
        return float(self._moments(frames)[-1])

    def _moments(self, frames: int) -> Float[ndarray, " t"]:
        return np.arange(frames) / (self.fps or 1.0)
