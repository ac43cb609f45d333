"""Clips as animated pictures that any browser plays."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def animated_webp(frames: UInt8[np.ndarray, "t h w 3"], *, fps: float) -> bytes:
    """Lossless WebP that repeats for ever; the last frame stays for a second.

    Raises:
        ValueError: no frames, or a rate that is not positive.
    """
    if not len(frames) or not fps > 0:
        raise ValueError(f"An animation needs frames and a positive rate, got {len(frames)}, {fps}.")
    duration = [round(1000 / fps)] * len(frames)
    duration[-1] = max(duration[-1], 1000)
    images = [Image.fromarray(frame) for frame in frames]
    out = io.BytesIO()
    images[0].save(
        out,
        format="WEBP",
        save_all=True,
        append_images=images[1:],
        duration=duration,
        loop=0,
        lossless=True,
        method=4,
    )
    return out.getvalue()


def still_png(frame: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """One picture."""
    out = io.BytesIO()
    Image.fromarray(frame).save(out, format="PNG", optimize=True)
    return out.getvalue()
