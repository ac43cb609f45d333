"""What a view shows: a sentence, pictures, tables and clouds, and the files to take along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import UInt8

from explorer.pictures import VideoBytes
from jepakit.evals.pages.report import Facts, Figure, Table, Text


@dataclass(frozen=True)
class Picture:
    """A still picture.

    Attributes:
        pixels: RGB.
        alt: what it shows, for those who do not see it.
        caption: set below.
        smooth: whether it may be interpolated when it is shown larger; pixels stay sharp otherwise.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    alt: str
    caption: str = ""
    smooth: bool = False


@dataclass(frozen=True)
class Movie:
    """A video that repeats.

    Attributes:
        video: the file.
        alt: what it shows.
        titles: of the clips that stand side by side in it, all of one width.
        caption: set below.
    """

    video: VideoBytes
    alt: str
    titles: Sequence[str] = ()
    caption: str = ""


@dataclass(frozen=True)
class Cloud:
    """A plotly figure, which its reader can turn and play."""

    figure: Any
    alt: str
    caption: str = ""


Part = Text | Facts | Table | Figure | Picture | Movie | Cloud


@dataclass(frozen=True)
class View:
    """One way to look at a clip.

    Attributes:
        key: of files and anchors, ``a-z`` and hyphens.
        title: in a few words.
        sentence: what one sees, and what an untrained encoder shows in its place.
        parts: in reading order.
        files: further results by file name.
    """

    key: str
    title: str
    sentence: str
    parts: Sequence[Part]
    files: Mapping[str, bytes] = field(default_factory=dict)
