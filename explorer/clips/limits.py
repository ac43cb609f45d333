"""What a video may be before anything of it is decoded, and what was found about it."""

from __future__ import annotations

from dataclasses import dataclass

CONTAINERS = frozenset(("avi", "matroska", "mov"))
"""FFmpeg's names. Their headers list the streams, so that limits bind before a frame is decoded;
those of MPEG transport and program streams do not."""

CODECS = frozenset(
    ("av1", "ffv1", "h264", "hevc", "libdav1d", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4")
) | {"prores", "vp8", "vp9"}

PICTURES = frozenset(("BMP", "JPEG", "PNG", "WEBP"))
"""Pillow's names."""


class UnusableVideo(ValueError):
    """A file that is no video or picture to look at; the message is for the person who gave it."""


_FFMPEG = {
    "Invalid data found when processing input": "it is damaged, cut short or no video at all",
    "End of file": "it ends before its first frame",
    "no video stream": "there is no video in it",
    "no frames": "there are no frames in it",
}

TOO_HUNGRY = "The file wants more memory than is allowed; it is not read."


def damaged(error: ValueError, path: str) -> UnusableVideo:
    """An error of a decoder in words for a person, without the path."""
    if isinstance(error.__cause__, UnusableVideo):
        return error.__cause__
    if isinstance(error.__cause__, MemoryError):  # FFmpeg's own is one, too
        return UnusableVideo(TOO_HUNGRY)
    reason = str(error).removeprefix(f"{path}: ").replace(path, "the file")
    reason = _FFMPEG.get(reason, reason)
    return UnusableVideo(
        f"The file cannot be read: {reason}. If it plays elsewhere, save it again as mp4."
    )


@dataclass(frozen=True)
class VideoLimits:
    """Refuses what would take too much memory or time.

    Attributes:
        max_bytes: of the file.
        max_seconds: from the first frame to the end of the last one.
        max_pixels: of one frame.
        max_frames: of the video; the default is ten minutes at 120 Hz.
        max_decoded_pixels: of all frames decoded for one clip; a CPU core decodes 1e8 a second.
        probe_seconds: CPU seconds that looking into a file may take, and half the wall seconds.
        probe_bytes: memory that it may take.
        containers: some of :data:`CONTAINERS`.
        codecs: names of FFmpeg's decoders.
    """

    max_bytes: int = 200_000_000
    max_seconds: float = 600.0
    max_pixels: int = 4096 * 2304
    max_frames: int = 72_000
    max_decoded_pixels: int = 6_000_000_000
    probe_seconds: int = 15
    probe_bytes: int = 1_500_000_000
    containers: frozenset[str] = CONTAINERS
    codecs: frozenset[str] = CODECS


@dataclass(frozen=True)
class VideoFacts:
    """What a file says of itself.

    Attributes:
        frames: in the video; 1 of a still image.
        fps: mean frames per second; 0 for a single frame.
        seconds: from the first frame to the end of the last one; 0 for a single frame.
        width: columns of a frame, upright.
        height: rows of a frame, upright.
        codec: such as ``h264``, or ``png``.
        container: one of :data:`CONTAINERS`, or ``image``.
    """

    frames: int
    fps: float
    seconds: float
    width: int
    height: int
    codec: str
    container: str
