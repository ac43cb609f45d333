"""The sample of schema version 1: a clip, its objects, and what simulation knows of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray

SCHEMA = 1
KEY = re.compile(r"[a-z0-9_-]{1,80}")
MAX_OBJECTS = 255
JPEG_SIDE = 65_535  # the largest height that a JPEG header can state

CONTACTS = np.dtype([("step", "<i4"), ("a", "<i4"), ("b", "<i4"), ("impulse", "<f4")])


class BadSample(ValueError):
    """A stored sample that cannot be read; the message names the shard, the key and the member."""


@dataclass(frozen=True)
class ClipFormat:
    """What every clip of a data set has in common.

    Attributes:
        frames: frames per clip; 1 for still images.
        height: rows in pixels.
        width: columns in pixels.
        patch: patch size in pixels of the stored coverage.
        tubelet: frames per token of the stored coverage.
        image: ``jpg`` for photographs, ``png`` (lossless) for flat-coloured worlds, ``mp4`` for
            long clips (fewer bytes, slower to decode).
        quality: of the JPEG, or of the mp4, which loses about as much (85 is x264's crf 18).
        subsampling: of the colours of both, 4:2:2 or 4:4:4. A JPEG of 4:2:0 is refused: it reads
            across the border of stacked frames, and colours of one frame leak into the next.
    """

    frames: int
    height: int
    width: int
    patch: int
    tubelet: int
    image: str = "jpg"
    quality: int = 85
    subsampling: str = "422"

    def __post_init__(self) -> None:
        """Refuse sizes that do not divide and strips that a JPEG cannot hold."""
        if min(self.frames, self.height, self.width, self.patch, self.tubelet) < 1:
            raise ValueError(f"Sizes must be positive, got {self}.")
        if self.frames % self.tubelet or self.height % self.patch or self.width % self.patch:
            raise ValueError(
                f"{self.frames} frames of {self.height}x{self.width} do not divide into tubelets "
                f"of {self.tubelet} frames and patches of {self.patch} pixels."
            )
        if self.image not in ("jpg", "png", "mp4"):
            raise ValueError(f"image must be 'jpg', 'png' or 'mp4', got {self.image!r}.")
        if self.image == "jpg":
            self._check_strip()
        elif self.image == "mp4":
            self._check_video()

    def _check_strip(self) -> None:
        if self.subsampling not in ("422", "444"):
            raise ValueError(
                f"Colour subsampling {self.subsampling!r} is refused: it leaks colour between the "
                "stacked frames of a strip. Use '422' or '444'."
            )
        if not 1 <= self.quality <= 100:
            raise ValueError(f"A JPEG has a quality from 1 to 100, got {self.quality}.")
        if self.height % 8 or self.frames * self.height > JPEG_SIDE:
            raise ValueError(
                f"A JPEG strip needs a height that is a multiple of 8 and at most {JPEG_SIDE} rows "
                f"in all; {self.frames} frames of height {self.height} are not. Use image='png'."
            )

    def _check_video(self) -> None:
        if self.subsampling not in ("420", "422", "444") or not 58 <= self.quality <= 100:
            raise ValueError(
                "An mp4 has subsampling '420', '422' or '444' and a quality from 58 to 100, got "
                f"{self.subsampling!r} and {self.quality}."
            )
        rows, columns = 1 + (self.subsampling == "420"), 1 + (self.subsampling != "444")
        if self.height % rows or self.width % columns:
            raise ValueError(
                f"An mp4 with subsampling '{self.subsampling}' needs a height divisible by {rows} "
                f"and a width by {columns}, got {self.height}x{self.width}. Use '444'."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns."""
        return self.frames, self.height, self.width

    @property
    def grid(self) -> tuple[int, int, int]:
        """Tubelets, rows and columns of tokens."""
        return self.frames // self.tubelet, self.height // self.patch, self.width // self.patch

    def to_json(self) -> dict[str, Any]:
        """As stored in the manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ClipFormat:
        """From the manifest."""
        return cls(**fields)


@dataclass(frozen=True)
class Counterfactual:
    """The clip of the same world simulated again without one object."""

    frames: UInt8[ndarray, "t h w 3"]
    labels: UInt8[ndarray, "t h w"]


@dataclass(frozen=True)
class Sample:
    """One clip with everything that a shard stores of it. A still image is a clip of one frame.

    Attributes:
        key: name, ``[a-z0-9_-]{1,80}``, unique in the data set.
        frames: RGB, 0..255.
        labels: 0 background, ``i`` the object of row ``i - 1`` of ``meta["objects"]``.
        meta: what ``KEY.json`` holds; see :mod:`jepakit.data.metadata`.
        coverage: share of each token that an object covers, 255 = all; written from ``labels``.
        counterfactuals: by the id of the object that is missing.
        states: ``(t, rows, f)`` float, any number of values a row. In the worlds of this project
            rows are the objects; elsewhere ``meta["details"]`` says what they are.
        contacts: rows of ``CONTACTS``; ids of objects, 0 for scenery.
        actions: ``(t, a)`` float.
    """

    key: str
    frames: UInt8[ndarray, "t h w 3"]
    labels: UInt8[ndarray, "t h w"]
    meta: dict[str, Any]
    coverage: UInt8[ndarray, "k tt hh ww"] | None = None
    counterfactuals: dict[int, Counterfactual] = field(default_factory=dict)
    states: Shaped[ndarray, "t rows f"] | None = None
    contacts: Shaped[ndarray, " c"] | None = None
    actions: Shaped[ndarray, "t a"] | None = None
