"""Clips as animated pictures that any browser plays."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

GAP = 8  # pixels between clips


def join_clips(
    clips: Sequence[UInt8[np.ndarray, "t h _ 3"]],
) -> UInt8[np.ndarray, "t h joined 4"]:
    """Clips of one length and height side by side, with a transparent gap.

    Raises:
        ValueError: no clips, or clips that differ in length or height.
    """
    shapes = {clip.shape[:2] for clip in clips}
    if len(shapes) != 1:
        raise ValueError(f"Clips to join need one length and height, got {sorted(shapes)}.")
    gap = np.zeros((*clips[0].shape[:2], GAP, 4), dtype=np.uint8)
    opaque = (np.pad(clip, ((0, 0),) * 3 + ((0, 1),), constant_values=255) for clip in clips)
    parts = [part for clip in opaque for part in (gap, clip)]
    return np.concatenate(parts[1:], axis=2)


def animated_webp(frames: UInt8[np.ndarray, "t h w c"], *, fps: float) -> bytes:
    """Lossless WebP of RGB or RGBA frames that repeats for ever; the last one stays for a second.

    Raises:
        ValueError: no frames, or a rate that is not positive.
    """
    if not len(frames) or not fps > 0:
        raise ValueError(
            f"An animation needs frames and a positive rate, got {len(frames)}, {fps}."
        )
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


def still_png(frame: UInt8[np.ndarray, "h w c"]) -> bytes:
    """One picture."""
    out = io.BytesIO()
    Image.fromarray(frame).save(out, format="PNG", optimize=True)
    return out.getvalue()
