"""A part of a source that is plainly damaged: a video that cannot be opened."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from data_prep.footage import Footage, Reader


@dataclass(frozen=True)
class Damaged(Reader):
    """Ends in the list of rejects.

    Attributes:
        known_as: path below the folder of the source.
        reason: what is wrong with it.
    """

    known_as: str
    reason: str

    @property
    def name(self) -> str:
        """Path below the folder."""
        return self.known_as

    def open(self) -> AbstractContextManager[Footage]:
        """Say what is wrong.

        Raises:
            ValueError: always.
        """
        raise ValueError(self.reason)
