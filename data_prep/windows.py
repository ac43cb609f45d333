"""Which frames of a video become clips: windows of equal length, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


@dataclass(frozen=True)
class Windows:
    """How a video is cut.

    Attributes:
        frames: per clip.
        fps: frames per second (Hz) of a clip, each the nearest one of the video; None takes every
            frame.
        hop: seconds between the starts of two clips; None puts them end to end.
        most: clips of one video, spread over it; None takes all.
    """

    frames: int
    fps: float | None = None
    hop: float | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is not positive."""
        for name in ("frames", "fps", "hop", "most"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"'{name}' must be positive, got {value}.")

    def of(
        self, seconds: Float[ndarray, " frames"], part: tuple[float, float] = (0.0, 1.0)
    ) -> list[Int[ndarray, " t"]]:
        """Frame numbers of each clip, ascending within and between clips.

        A clip fits when its last moment is at most half a frame of the video behind the video's
        last frame. Where none fits, one clip repeats that frame: still images, and videos shorter
        than a clip. The end of a video that fills no clip is left out.

        Args:
            seconds: when each frame is shown, strictly ascending.
            part: first and last moment of the clips, as shares of the video's time. Parts that
                follow each other share no frame; one that is too short has no clip.
        """
        numbers = np.arange(len(seconds))
        if part != (0.0, 1.0):
            low, high = (seconds[0] + share * (seconds[-1] - seconds[0]) for share in part)
            numbers = numbers[(seconds >= low) & ((seconds < high) | (part[1] == 1.0))]
        if not len(numbers):
            return []
        found = self._whole(seconds[numbers], self.rate(seconds))
        if not found and part == (0.0, 1.0):
            found = [np.minimum(self._first(seconds), len(seconds) - 1)]
        if self.most is not None and len(found) > self.most:
            kept = (np.arange(self.most) + 0.5) * len(found) / self.most
            found = [found[number] for number in kept.astype(int)]
        return [numbers[window] for window in found]

    def rate(self, seconds: Float[ndarray, " frames"]) -> float:
        """Frames per second of the clips; 1 for a still image, whose time does not pass.

        That of the video is one over the mean step, gaps left aside: the median alone reads 60 Hz
        as 58.8 Hz in containers that round to milliseconds (mkv, webm).
        """
        if self.fps is not None:
            return self.fps
        if len(seconds) == 1:
            return 1.0
        steps = np.diff(seconds)
        typical = np.quantile(steps, 0.5, method="lower")  # one of them
        return float(1.0 / steps[np.abs(steps - typical) <= 0.5 * typical].mean())

    def _whole(self, seconds: Float[ndarray, " frames"], rate: float) -> list[Int[ndarray, " t"]]:
        """Clips that end within the video."""
        length = len(seconds)
        if self.fps is None:
            step = self.frames if self.hop is None else max(1, round(self.hop * rate))
            starts = range(0, length - self.frames + 1, step)
            return [start + np.arange(self.frames) for start in starts]
        hop = self.frames / rate if self.hop is None else self.hop
        half = 0.5 * float(np.median(np.diff(seconds))) if length > 1 else 0.0
        slack = seconds[-1] + half - seconds[0] - (self.frames - 1) / rate
        count = int(slack / hop + 1e-9) + 1 if slack >= 0 else 0
        moments = seconds[0] + np.arange(self.frames) / rate
        return [_nearest(seconds, moments + number * hop) for number in range(count)]

    def _first(self, seconds: Float[ndarray, " frames"]) -> Int[ndarray, " t"]:
        """The clip at the start of a video that is too short for it."""
        if self.fps is None or len(seconds) == 1:
            return np.arange(self.frames)
        return _nearest(seconds, seconds[0] + np.arange(self.frames) / self.fps)


def _nearest(
    seconds: Float[ndarray, " frames"], moments: Float[ndarray, " t"]
) -> Int[ndarray, " t"]:
    """Number of the frame nearest to each moment; the earlier of two at the same distance."""
    later = np.searchsorted(seconds, moments).clip(0, len(seconds) - 1)
    earlier = np.maximum(later - 1, 0)
    nearer = np.abs(moments - seconds[earlier]) <= np.abs(seconds[later] - moments)
    return np.where(nearer, earlier, later)
