"""What every way of finding objects offers: frames of a clip in, one label map out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray


@dataclass(frozen=True)
class Proposals:
    """Masks proposed for one frame; they may overlap.

    Attributes:
        masks: one per proposal.
        scores: confidence of each, 0 to 1.
    """

    masks: Bool[ndarray, "n h w"]
    scores: Float[ndarray, " n"]

    def __len__(self) -> int:
        """Number of proposals."""
        return len(self.masks)

    @classmethod
    def none(cls, height: int, width: int) -> Proposals:
        """A frame without any."""
        return cls(np.zeros((0, height, width), dtype=bool), np.zeros(0))


@dataclass(frozen=True)
class Segmentation:
    """The objects of a clip.

    Attributes:
        labels: 0 background, ``i`` the object ``i``, the same in all frames.
        scores: confidence of objects 1, 2, ...
        dropped: proposals or objects that were left out, by the reason.
    """

    labels: UInt8[ndarray, "t h w"]
    scores: tuple[float, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)


class Segmenter(ABC):
    """Finds the objects of a clip. An instance is settings alone: it travels to worker processes,
    and what is heavy (a network) is loaded once per process when the first clip comes.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Names the method and what decides its result; kept in the metadata of every clip."""

    @abstractmethod
    def segment(self, frames: UInt8[ndarray, "t h w 3"]) -> Segmentation:
        """Objects of the frames, in the size of the frames; none is a legal answer."""
