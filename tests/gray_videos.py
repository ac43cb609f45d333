"""Tiny videos whose gray level tells the number of the frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy import ndarray

STEP = 6  # gray levels between neighbouring frames


def gray(number: int, size: tuple[int, int] = (48, 64)) -> ndarray:
    """The picture of a frame: its number as gray level, and a bright corner, top left."""
    picture = np.full((*size, 3), (2 + STEP * number) % 256, np.uint8)
    picture[: size[0] // 4, : size[1] // 4] = 250
    return picture


def number_of(picture: ndarray) -> int:
    """Which frame a decoded picture is; its middle is looked at."""
    height, width = picture.shape[:2]
    level = picture[height // 3 : -(height // 3), width // 3 : -(width // 3)].mean()
    return round((float(level) - 2) / STEP)


def numbers_of(pictures: Iterable[ndarray]) -> list[int]:
    return [number_of(picture) for picture in pictures]


def write_video(
    path: Path,
    frames: int = 40,
    *,
    codec: str = "libx264",
    rate: int = 25,
    gop: int = 12,
    size: tuple[int, int] = (48, 64),
    stamps: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    second: int = 0,
    pictures: Sequence[ndarray] | None = None,
) -> Path:
    """``stamps`` are in milliseconds; ``second`` adds a stream of that many white frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        streams = []
        for _ in range(1 + bool(second)):
            stream = container.add_stream(codec, rate=rate, options=dict(options or {}))
            stream.height, stream.width = size
            stream.pix_fmt, stream.gop_size = "yuv420p", gop
            if stamps is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            streams.append(stream)
        for number in range(frames):
            picture = gray(number, size) if pictures is None else pictures[number]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number if stamps is None else stamps[number]
            container.mux(streams[0].encode(frame))
        for number in range(second):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), 255, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(streams[1].encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def cut(path: Path, share: float) -> Path:
    """Keep the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
