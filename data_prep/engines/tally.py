"""Counts of one worker, which lie in shared memory and so outlive it."""

from __future__ import annotations

import ctypes


class Tally(ctypes.Structure):
    """What a worker has done in this run; a :class:`~data_prep.shard_task.Watch`.

    Attributes:
        item: number of the item in progress, or -1.
        made: items done, rejected ones included.
        kept: items of shards that an earlier run finished.
        clips: clips made.
    """

    _fields_ = [
        ("item", ctypes.c_int64),
        ("made", ctypes.c_int64),
        ("kept", ctypes.c_int64),
        ("clips", ctypes.c_int64),
    ]
    item: int
    made: int
    kept: int
    clips: int

    def begin(self, item: int) -> None:
        """Work on this item of the shard begins."""
        self.item = item

    def add_clip(self) -> None:
        """One more clip is made."""
        self.clips += 1

    def end(self) -> None:
        """The item is done."""
        self.item = -1
        self.made += 1

    def keep(self, items: int) -> None:
        """The shard, of so many items, was finished by an earlier run."""
        self.kept += items
