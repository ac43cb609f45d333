"""One frame to click on, large, with boxes around chosen tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from explorer.latents import Latents, Token
from jepakit.evals.figures.overlays import enlarge

SIDE = 384  # least side of the picture, in pixels
LINE = 3  # of a box
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class MarkedFrame:
    """A frame, enlarged by a whole number.

    Attributes:
        pixels: with boxes.
        factor: pixels of the picture per pixel of the clip.
        frame: its number in the clip.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    factor: int
    frame: int

    def token(self, latents: Latents, x: float, y: float) -> Token:
        """The token under a pixel of the picture.

        Raises:
            ValueError: outside of the picture.
        """
        return latents.token_at(x / self.factor, y / self.factor, self.frame)


def marked_frame(
    latents: Latents, frame: int, marks: Iterable[tuple[Token, Colour]] = (), *, least: int = SIDE
) -> MarkedFrame:
    """A frame with boxes around those of the tokens that lie in its time slice.

    Raises:
        ValueError: no such frame.
    """
    if not 0 <= frame < len(latents.clip):
        raise ValueError(f"The clip has frames 0 to {len(latents.clip) - 1}, came {frame}.")
    factor = enlargement(latents, least=least)
    pixels = enlarge(latents.clip.frames[frame : frame + 1], least).copy()
    slice_ = latents.token_at(0, 0, frame)[0]
    for token, colour in marks:
        if token[0] == slice_:
            _box(pixels, [side * factor for side in latents.box(token)], colour)
    return MarkedFrame(pixels[0], factor, frame)


def boxed(
    frames: UInt8[np.ndarray, "t h w 3"], latents: Latents, marks: Iterable[tuple[Token, Colour]]
) -> UInt8[np.ndarray, "t h w 3"]:
    """The frames of a clip, of any size, with boxes around tokens for as long as these last."""
    out, factor = frames.copy(), frames.shape[1] // latents.clip.size[0]
    for token, colour in marks:
        start = token[0] * latents.tubelet
        box = [side * factor for side in latents.box(token)]
        _box(out[start : start + latents.tubelet], box, colour)
    return out


def enlargement(latents: Latents, *, least: int = SIDE) -> int:
    """Pixels of the picture per pixel of the clip."""
    return -(-least // min(latents.clip.size))


def token_words(token: Token) -> str:
    """``slice 2, row 5, column 7``."""
    slice_, row, column = token
    return f"slice {slice_}, row {row}, column {column}"


def _box(frames: UInt8[np.ndarray, "t h w 3"], box: list[int], colour: Colour) -> None:
    """A coloured line with a dark one around it, inside of the token."""
    left, top, right, bottom = box
    for inset, width, ink in ((0, 1, (0, 0, 0)), (1, LINE, colour)):
        a, b, c, d = left + inset, top + inset, right - inset, bottom - inset
        line = np.zeros(frames.shape[1:3], dtype=bool)
        line[b:d, a:c] = True
        line[b + width : d - width, a + width : c - width] = False
        frames[:, line] = ink
