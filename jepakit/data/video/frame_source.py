"""What an open file of frames offers, whoever decodes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeVar

from jaxtyping import Float, UInt8
from numpy import ndarray

S = TypeVar("S", bound="FrameSource")


class FrameSource(ABC):
    """Frames numbered in the order in which they are shown; a context manager."""

    @property
    @abstractmethod
    def seconds(self) -> Float[ndarray, " frames"]:
        """When each frame is shown, strictly ascending."""

    @abstractmethod
    def frames(self, numbers: Sequence[int]) -> Iterator[UInt8[ndarray, "h w 3"]]:
        """These frames in RGB, upright, one at a time: a clip takes the memory of its windows.

        Args:
            numbers: strictly ascending.

        Raises:
            BadSample: one of them cannot be decoded, or not exactly.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
