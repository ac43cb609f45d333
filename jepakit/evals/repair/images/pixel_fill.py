"""Hidden tokens as pixels: black, the mean colour, noise or blur, before normalisation."""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
from einops import repeat
from jaxtyping import Bool, UInt8

Fill = Literal["black", "mean", "noise", "blur"]
Frames = UInt8[np.ndarray, "t h w 3"]


def hidden_pixels(
    hidden: Bool[np.ndarray, "tt rows columns"], shape: tuple[int, int, int]
) -> Bool[np.ndarray, "t h w"]:
    """The pixels of tokens.

    Args:
        hidden: tokens.
        shape: frames, rows and columns of the picture.

    Raises:
        ValueError: the grid does not divide the picture.
    """
    if any(length % tokens for length, tokens in zip(shape, hidden.shape, strict=True)):
        raise ValueError(
            f"A token grid of {hidden.shape} does not divide a picture of {shape} (t, h, w); fit "
            "the image to the size of the encoder first."
        )
    u, p, q = (length // tokens for length, tokens in zip(shape, hidden.shape, strict=True))
    return repeat(hidden, "tt hh ww -> (tt u) (hh p) (ww q)", u=u, p=p, q=q)


def occluded(
    frames: Frames,
    hidden: Bool[np.ndarray, "tt rows columns"],
    *,
    fill: Fill = "black",
    rng: np.random.Generator | None = None,
) -> Frames:
    """The picture with its hidden tokens filled; every other pixel keeps its bytes.

    ``black`` is 0 before normalisation, as late semantic repair has it (section 2.3). ``mean`` is
    the mean colour of all visible pixels, so that nothing of what is hidden gets out. ``noise`` is
    uniform over 0..255 for each pixel and channel. ``blur`` is the picture itself through a
    Gaussian of one patch standard deviation: shapes are gone, large-scale colour stays.

    Args:
        frames: RGB, 0..255.
        hidden: tokens.
        fill: what their pixels become.
        rng: of the noise.

    Raises:
        ValueError: an unknown fill, noise without ``rng``, everything hidden where the mean of the
            rest is needed, or a grid that does not divide the picture.
    """
    if fill not in get_args(Fill) or (fill == "noise" and rng is None):
        raise ValueError(
            f"fill is one of {', '.join(get_args(Fill))}, and noise needs rng; got {fill!r}."
        )
    pixels = hidden_pixels(hidden, frames.shape[:3])
    out = frames.copy()
    out[pixels] = _filling(frames, pixels, frames.shape[1] // hidden.shape[1], fill, rng)
    return out


def _filling(
    frames: Frames,
    pixels: Bool[np.ndarray, "t h w"],
    patch: int,
    fill: Fill,
    rng: np.random.Generator | None,
) -> np.ndarray:
    """What the hidden pixels become, ``(k, 3)`` or broadcast to it."""
    if fill == "black":
        return np.zeros(3, np.uint8)
    if fill == "mean":
        if pixels.all():
            raise ValueError("Every token is hidden, so there is no mean of the visible pixels.")
        return frames[~pixels].mean(axis=0).round().astype(np.uint8)
    if fill == "noise":
        assert rng is not None
        return rng.integers(0, 256, (int(pixels.sum()), 3), dtype=np.uint8)
    blurred = [cv2.GaussianBlur(frame, (0, 0), sigmaX=patch) for frame in frames]
    return np.stack(blurred)[pixels]
