"""Values of tokens laid over the frames of their clip."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from einops import repeat
from jaxtyping import Bool, Float, UInt8

from jepakit.evals.figures.overlays import HATCH, enlarge

COLOURS = "inferno"
SIDE = 256  # least height and width of a picture in pixels
EDGE = np.array([255, 255, 255], np.uint8)


def heat_over(
    frames: UInt8[np.ndarray, "t h w 3"],
    values: Float[np.ndarray, "tt hh ww"],
    *,
    low: float = 0.0,
    high: float | None = None,
    least: int = SIDE,
) -> UInt8[np.ndarray, "t hh_p ww_p 3"]:
    """Faded grey frames, tinted where a token's value is large; NaN is hatched.

    Args:
        frames: the clip.
        values: of its tokens.
        low: value without a tint.
        high: value with the strongest one; the largest by default.
        least: height and width of the pictures at least, in pixels.
    """
    top = high if high is not None else float(np.nanmax(values, initial=low))
    strength = np.clip((values - low) / ((top - low) or 1.0), 0, 1)
    known = np.isfinite(values)
    colour = 255 * mpl.colormaps[COLOURS](0.15 + 0.8 * np.nan_to_num(strength))[..., :3]
    big = enlarge(frames, least)
    spread = _Spread(big.shape[:3], values.shape)
    tint = spread(colour)
    alpha = (0.72 * spread(np.nan_to_num(strength) ** 0.6))[..., None]
    grey = 0.7 * big.mean(axis=-1, keepdims=True)
    painted = (grey * (1 - alpha) + tint * alpha).round().astype(np.uint8)
    return np.where(spread(known)[..., None], painted, hatched(grey))


def hatched(grey: Float[np.ndarray, "t h w 1"]) -> UInt8[np.ndarray, "t h w 3"]:
    """Stripes through which the picture shimmers."""
    row, column = np.indices(grey.shape[1:3])
    period = max(4, grey.shape[1] // 24)
    stripe = ((row + column) % period < period / 2)[..., None]
    return (0.45 * np.where(stripe, HATCH[0], HATCH[1]) + 0.55 * grey).round().astype(np.uint8)


def outlined(
    frames: UInt8[np.ndarray, "t h w 3"],
    inside: Bool[np.ndarray, "t h w"],
    *,
    least: int = SIDE,
) -> UInt8[np.ndarray, "t hh_p ww_p 3"]:
    """The frames with a white and black line around a region, outside of it."""
    big = enlarge(frames, least).copy()
    mask = enlarge(inside.astype(np.uint8), least).astype(bool)
    width = max(1, big.shape[1] // 128)
    white = grown(mask, width)
    black = grown(white, width)
    big[black & ~mask] = 0
    big[white & ~mask] = EDGE
    return big


def grown(mask: Bool[np.ndarray, "t h w"], width: int) -> Bool[np.ndarray, "t h w"]:
    """The region and what lies at most ``width`` pixels around it, along rows and columns."""
    out = mask
    for _ in range(width):
        padded = np.pad(out, ((0, 0), (1, 1), (1, 1)))
        up, down = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]
        left, right = padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
        out = out | up | down | left | right
    return out


class _Spread:
    """From tokens to the pixels of enlarged frames."""

    def __init__(self, pixels: tuple[int, ...], grid: tuple[int, ...]) -> None:
        self.factors = tuple(p // g for p, g in zip(pixels, grid, strict=True))

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        u, p, q = self.factors
        return repeat(tokens, "tt hh ww ... -> (tt u) (hh p) (ww q) ...", u=u, p=p, q=q)
