"""What a trace asks of its clips, and clips that lie in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, UInt8


@runtime_checkable
class ClipSet(Protocol):
    """Clips with labels that can be read in any order, and again after a crash."""

    @property
    def keys(self) -> Sequence[str]:
        """A name for each clip, different for all."""

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        """The class of each clip, ``0 .. C - 1``."""

    @property
    def groups(self) -> Sequence[str]:
        """The source of each clip (video, scene): clips of one group are not independent."""

    def __len__(self) -> int:
        """``n``, the number of clips."""

    def frames(self, indices: Sequence[int]) -> UInt8[np.ndarray, "b t h w 3"]:
        """RGB, 0..255, of these clips, in the size that the encoder takes."""


@dataclass(frozen=True)
class ClipsInMemory:
    """A :class:`ClipSet` that is held whole.

    Attributes:
        pixels: RGB, 0..255.
        keys: name of each clip.
        labels: class of each clip.
        groups: source of each clip.
    """

    pixels: UInt8[np.ndarray, "n t h w 3"]
    keys: tuple[str, ...]
    labels: Int[np.ndarray, " n"]
    groups: tuple[str, ...]

    @classmethod
    def gather(
        cls,
        batches: Iterable[tuple[Sequence[str], np.ndarray, Sequence[str], np.ndarray]],
    ) -> ClipsInMemory:
        """From an iterable of (keys, labels, groups, frames uint8) batches.

        Raises:
            ValueError: no batches.
        """
        parts = list(batches)
        if not parts:
            raise ValueError("No clips: the data set (or the split) is empty.")
        keys, labels, groups, frames = zip(*parts, strict=True)
        return cls(
            pixels=np.concatenate(frames),
            keys=tuple(key for batch in keys for key in batch),
            labels=np.concatenate(labels),
            groups=tuple(group for batch in groups for group in batch),
        )

    def __len__(self) -> int:
        """The number of clips."""
        return len(self.pixels)

    def frames(self, indices: Sequence[int]) -> UInt8[np.ndarray, "b t h w 3"]:
        """A copy of these clips."""
        return self.pixels[list(indices)]


def check_clips(clips: ClipSet) -> None:
    """Refuse clips that no store could tell apart.

    Raises:
        ValueError: no clips, columns of different lengths, or a key given twice.
    """
    lengths = {
        "clips": len(clips),
        "keys": len(clips.keys),
        "labels": len(clips.labels),
        "groups": len(clips.groups),
    }
    if not len(clips):
        raise ValueError("No clips to trace: the data set (or the split) is empty.")
    if len(set(lengths.values())) > 1:
        raise ValueError(f"Every clip needs one of each; the lengths are {lengths}.")
    if len(set(clips.keys)) < len(clips):
        double = sorted({key for key in clips.keys if list(clips.keys).count(key) > 1})[:5]
        raise ValueError(f"Keys must be unique; given more than once: {double}.")
