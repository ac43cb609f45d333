"""Tiny videos of given pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy import ndarray


def write_movie(
    path: Path,
    pictures: Sequence[ndarray],
    *,
    fps: int,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if codec == "mpeg1video":
            stream.bit_rate = 2_000_000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def moving_square(frames: int, size: int = 64) -> list[ndarray]:
    """A white square that moves two pixels a frame on grey that grows brighter."""
    pictures = []
    for number in range(frames):
        picture = np.full((size, size, 3), 40 + 3 * number, np.uint8)
        left = 2 * number % (size - 16)
        picture[20:36, left : left + 16] = 250
        pictures.append(picture)
    return pictures
