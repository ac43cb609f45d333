"""Clips painted over: objects in colours, hidden tokens hatched. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from einops import repeat
from jaxtyping import Bool, UInt8
from matplotlib.colors import to_rgb

from jepakit.evals.figures.style import PALETTE

HATCH = (np.array([214, 219, 227]), np.array([178, 186, 199]))


def enlarge(frames: UInt8[np.ndarray, "t h w ..."], least: int = 256) -> np.ndarray:
    """Repeat pixels by a whole number so that the shorter side has at least ``least``."""
    factor = -(-least // min(frames.shape[1:3]))
    return frames.repeat(factor, axis=1).repeat(factor, axis=2)


def object_colour(identity: int) -> tuple[float, float, float]:
    """Colour of an object id, 0..1; ids beyond the palette start over."""
    return to_rgb(PALETTE[(identity - 1) % len(PALETTE)])


def paint_objects(
    frames: UInt8[np.ndarray, "t h w 3"],
    labels: UInt8[np.ndarray, "t h w"],
    *,
    strength: float = 0.75,
) -> UInt8[np.ndarray, "t h w 3"]:
    """Give every object a colour of its own, darker where it is darker, and an outline.

    The background turns grey and fades, so that objects stand out.
    """
    grey = frames.mean(axis=-1, keepdims=True)
    out = 0.45 * grey + 0.55 * 255 + np.zeros(3)
    for identity in np.unique(labels[labels > 0]):
        inside = labels == identity
        colour = 255 * np.array(object_colour(int(identity)))
        out[inside] = colour * (strength + (1 - strength) * grey[inside] / 255)
        out[inside & ~_interior(inside, width=_line(frames))] = colour * 0.7
    return out.round().astype(np.uint8)


def hide_tokens(
    frames: UInt8[np.ndarray, "t h w 3"], visible: Bool[np.ndarray, "tt hh ww"]
) -> UInt8[np.ndarray, "t h w 3"]:
    """Hatch the tokens that are not visible.

    Raises:
        ValueError: the token grid does not divide the clip.
    """
    t, h, w = frames.shape[:3]
    tt, hh, ww = visible.shape
    if t % tt or h % hh or w % ww:
        raise ValueError(f"A token grid of {visible.shape} does not divide a clip of {(t, h, w)}.")
    hidden = repeat(~visible, "tt hh ww -> (tt u) (hh p) (ww q)", u=t // tt, p=h // hh, q=w // ww)
    row, column = np.indices((h, w))
    period = max(4, h // 24)
    stripe = ((row + column) % period < period / 2)[..., None]
    pattern = np.where(stripe, HATCH[0], HATCH[1]).astype(np.uint8)
    return np.where(hidden[..., None], pattern, frames)


def _line(frames: UInt8[np.ndarray, "t h w 3"]) -> int:
    return max(1, min(frames.shape[1:3]) // 100)


def _interior(mask: Bool[np.ndarray, "t h w"], *, width: int) -> Bool[np.ndarray, "t h w"]:
    inner = mask
    for _ in range(width):
        padded = np.pad(inner, ((0, 0), (1, 1), (1, 1)))
        up, down = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]
        left, right = padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
        inner = inner & up & down & left & right
    return inner
