"""Options of the clips that videos are cut into: which frames, in which size and coding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data_prep.pictures import Fit
from data_prep.windows import Windows
from jepakit.data.schema import ClipFormat

FRAMES = 16  # of a clip of video, where the user does not say


@dataclass(frozen=True)
class Cutting:
    """What clips look like.

    Args:
        frames: frames per clip, 16 by default; 1 for still images, which more frames repeat.
        fps: frames per second of a clip (Hz); by default every frame of the video is taken.
        hop: seconds between the starts of two clips; by default they lie end to end.
        clips_per_video: at most so many, spread over the video.
        size: height and width in pixels.
        fit: of pictures that are not square: the largest centred square, or all of it stretched.
        patch: patch size in pixels for which coverage is stored.
        tubelet: frames per token for which coverage is stored; 2 by default, 1 for clips of one.
        image: jpg, lossless png, or mp4 for long clips.
        quality: of jpg and mp4.
    """

    frames: int | None = None
    fps: float | None = None
    hop: float | None = None
    clips_per_video: int | None = None
    size: int = 224
    fit: Fit = "crop"
    patch: int = 16
    tubelet: int | None = None
    image: Literal["jpg", "png", "mp4"] = "jpg"
    quality: int = 85

    def form(self, *, still: bool = False) -> ClipFormat:
        """What every clip has in common.

        Args:
            still: whether the source holds still images.

        Raises:
            ValueError: sizes that do not divide, or that the coding cannot hold.
        """
        usual = 1 if still else FRAMES
        frames = usual if self.frames is None else self.frames
        tubelet = self.tubelet if self.tubelet is not None else 1 if frames == 1 else 2
        return ClipFormat(
            frames, self.size, self.size, self.patch, tubelet, self.image, self.quality
        )

    def windows(self, frames: int) -> Windows:
        """Which frames of a video make clips of this length.

        Raises:
            ValueError: what must be positive is not.
        """
        return Windows(frames, self.fps, self.hop, self.clips_per_video)
