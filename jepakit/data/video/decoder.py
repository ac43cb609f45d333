"""One interface to files of frames: PyAV by default, torchcodec by choice, and still images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jepakit.data.video.frame_source import FrameSource
from jepakit.data.video.pyav_video import PyAVVideo
from jepakit.data.video.still_image import StillImage
from jepakit.data.video.torchcodec_video import TorchcodecVideo, load_torchcodec

DecoderName = Literal["pyav", "torchcodec"]
IMAGE_SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".webp"))
VIDEO_SUFFIXES = frozenset(
    (".3gp", ".avi", ".flv", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv")
) | {".ts", ".webm", ".wmv"}


def open_video(path: str, decoder: DecoderName = "pyav") -> FrameSource:
    """Open a video, or a still image as a video of one frame.

    Raises:
        BadSample: no readable video; the message names the file.
        ValueError: see :func:`check_decoder`.
    """
    if is_image(path):
        return StillImage(path)
    return PyAVVideo(path) if decoder == "pyav" else TorchcodecVideo(path)


def check_decoder(decoder: DecoderName) -> None:
    """Refuse a decoder that cannot run here, before any file is blamed for it.

    Raises:
        ValueError: torchcodec or the FFmpeg that it needs is not installed.
    """
    if decoder == "torchcodec":
        load_torchcodec()


def is_image(path: str) -> bool:
    """Whether the name is that of a still image."""
    return Path(path).suffix.lower() in IMAGE_SUFFIXES


def is_known(name: str) -> bool:
    """Whether the name is that of a video or a still image."""
    return Path(name).suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES
