"""A picture as a video of one frame; sampling repeats it to the length of a clip."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image, ImageOps

from jepakit.data.schema import BadSample
from jepakit.data.video.frame_source import FrameSource

_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    zlib.error,
    struct.error,
    Image.DecompressionBombError,
)


class StillImage(FrameSource):
    """A picture file.

    Args:
        path: of the file, which is decoded when a frame is asked for.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def seconds(self) -> Float[ndarray, " frames"]:
        """One frame at 0."""
        return np.zeros(1)

    def close(self) -> None:
        """Nothing is open between frames."""

    def frames(self, numbers: Sequence[int]) -> Iterator[UInt8[ndarray, "h w 3"]]:
        """The picture, turned as its EXIF orientation says.

        Raises:
            BadSample: no such file, not a picture that Pillow reads, or grey levels of more than 8
                bits, which it would clip to white.
        """
        for _ in numbers:
            yield decode_picture(self.path, self.path)


def decode_picture(source: str | BytesIO, name: str) -> UInt8[ndarray, "h w 3"]:
    """The picture in a file or in its bytes; raises as :meth:`StillImage.frames`."""
    try:
        with Image.open(source) as picture:
            if picture.mode[0] in "IF":
                raise ValueError(f"mode {picture.mode}; 8 bits per colour expected")
            return np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    except _ERRORS as error:
        raise BadSample(f"{name}: {error}") from error
