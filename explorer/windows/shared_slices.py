"""Which time slices two overlapping windows of a clip share, by exact count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SharedSlices:
    """Two windows of equal length, the second some frames later.

    Of windows of ``W`` frames that lie ``shift`` apart, ``(W - shift) / tubelet`` slices are made
    of the same frames: slice ``i`` of them is slice ``i + shift / tubelet`` of the first window and
    slice ``i`` of the second.

    Attributes:
        window: frames of a window, ``W``.
        shift: frames from the start of the first window to that of the second.
        tubelet: frames of a time slice.
        start: frame at which the first window starts.

    Raises:
        ValueError: windows without whole slices, without common slices, or with slices that are cut
            at other frames.
    """

    window: int
    shift: int
    tubelet: int = 2
    start: int = 0

    def __post_init__(self) -> None:
        if self.tubelet < 1 or self.start < 0:
            raise ValueError(
                f"A slice has at least 1 frame and a window starts at frame 0 or later, came "
                f"tubelet {self.tubelet} and start {self.start}."
            )
        if self.window < self.tubelet or self.window % self.tubelet:
            raise ValueError(
                f"A window of {self.window} frames is not made of slices of {self.tubelet} "
                f"frames: choose a multiple of {self.tubelet}."
            )
        if not 0 < self.shift < self.window:
            raise ValueError(
                f"Windows of {self.window} frames share slices when shifted by {self.tubelet} to "
                f"{self.window - self.tubelet} frames, came a shift of {self.shift}."
            )
        phase = self.shift % self.tubelet
        if phase:
            raise ValueError(
                f"A shift of {self.shift} frames changes the tubelet phase: slices are cut every "
                f"{self.tubelet} frames, so those of the second window would start {phase} frame"
                f"{'s' * (phase > 1)} off and no two slices hold the same frames. Choose a "
                f"multiple of {self.tubelet}."
            )

    def __len__(self) -> int:
        """Number of shared slices."""
        return self.slices - self.offset

    @property
    def slices(self) -> int:
        """Time slices of one window."""
        return self.window // self.tubelet

    @property
    def offset(self) -> int:
        """Place of the first shared slice in the first window."""
        return self.shift // self.tubelet

    @property
    def first_window(self) -> slice:
        """Frames of the first window."""
        return slice(self.start, self.start + self.window)

    @property
    def second_window(self) -> slice:
        """Frames of the second window."""
        return slice(self.start + self.shift, self.frames_needed)

    @property
    def frames_needed(self) -> int:
        """Frames that a clip must have."""
        return self.start + self.shift + self.window

    @property
    def middle(self) -> tuple[int, ...]:
        """The shared slice in the middle, or both of them where their number is even."""
        return tuple(sorted({(len(self) - 1) // 2, len(self) // 2}))

    def frames_of(self, shared: int) -> range:
        """The clip's frames that a shared slice is made of.

        Raises:
            ValueError: no such shared slice.
        """
        if not 0 <= shared < len(self):
            raise ValueError(f"Shared slices are 0 to {len(self) - 1}, came {shared}.")
        begin = self.second_window.start + shared * self.tubelet
        return range(begin, begin + self.tubelet)

    def require_frames(self, frames: int) -> None:
        """Refuse a clip that is too short.

        Raises:
            ValueError: it is.
        """
        if frames < self.frames_needed:
            raise ValueError(
                f"Two windows of {self.window} frames from frame {self.start} on, {self.shift} "
                f"apart, need {self.frames_needed} frames, the clip has {frames}: choose a shorter "
                "window, an earlier start or a longer clip."
            )
