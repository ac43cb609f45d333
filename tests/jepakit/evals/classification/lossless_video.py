"""Video files in which every frame and pixel is another, and comes back as it was."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import torch


def write_video(path: Path, *, frames: int = 20, size: tuple[int, int] = (32, 48)) -> torch.Tensor:
    """A lossless video in which every frame and pixel is another; returns its frames."""
    rng = np.random.default_rng(len(path.stem))
    pixels = rng.integers(0, 256, (frames, *size, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = *size, "bgr0"
        for frame in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return torch.from_numpy(pixels)
