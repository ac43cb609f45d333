"""The tokens of one clip as an encoder sees it, and which pixels each of them stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from explorer.clip import Clip

Token = tuple[int, int, int]
"""Time slice, row and column of a token."""


@dataclass(frozen=True)
class Latents:
    """One activation of every token of a clip.

    Attributes:
        values: time slice, row, column, width.
        clip: as the encoder saw it, cropped and resized.
        tubelet: frames of a time slice.
        patch: side of a token in pixels.
        site: where in the encoder, ``norm`` (its output) or ``blocks.03.out``.
        model: name of the model, shown to people.
        facts: what else is known of model and extraction, for footers and files: plain strings.
    """

    values: Float[np.ndarray, "tt hh ww d"]
    clip: Clip
    tubelet: int
    patch: int
    site: str = "norm"
    model: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        slices, rows, columns, _ = self.values.shape
        height, width = self.clip.size
        expected = (len(self.clip) // self.tubelet, height // self.patch, width // self.patch)
        if (slices, rows, columns) != expected:
            raise ValueError(
                f"A clip of {len(self.clip)} frames of {height} x {width} pixels has {expected} "
                f"tokens of {self.tubelet} frames and {self.patch} pixels, came "
                f"{(slices, rows, columns)}."
            )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Time slices, rows and columns."""
        slices, rows, columns, _ = self.values.shape
        return slices, rows, columns

    @property
    def width(self) -> int:
        """``d``."""
        return self.values.shape[-1]

    @property
    def flat(self) -> Float[np.ndarray, "n d"]:
        """Tokens in rows, time-major."""
        return self.values.reshape(-1, self.width)

    def token_at(self, x: float, y: float, frame: int) -> Token:
        """The token that pixel ``(x, y)`` (column, row) of a frame belongs to.

        Raises:
            ValueError: a pixel or frame outside of the clip.
        """
        height, width = self.clip.size
        if not (0 <= x < width and 0 <= y < height and 0 <= frame < len(self.clip)):
            raise ValueError(
                f"Pixel ({x}, {y}) of frame {frame} lies outside of {len(self.clip)} frames of "
                f"{width} x {height} pixels."
            )
        slices, rows, columns = self.grid
        return (
            min(frame // self.tubelet, slices - 1),
            min(int(y) // self.patch, rows - 1),
            min(int(x) // self.patch, columns - 1),
        )

    def box(self, token: Token) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of a token in pixels, right and bottom excluded."""
        _, row, column = token
        left, top = column * self.patch, row * self.patch
        return left, top, left + self.patch, top + self.patch

    def centre(self, token: Token) -> tuple[float, float]:
        """Row and column of a token's middle, in pixels."""
        _, row, column = token
        return (row + 0.5) * self.patch - 0.5, (column + 0.5) * self.patch - 0.5
