"""Which items worker processes died of, and when to give up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


class Deaths:
    """A ledger of deaths. An item that was in progress in two of them is a killer.

    A kill from outside (out of memory, a lost machine) may hit any item once; the second death at
    the same item is taken to be the item's doing.
    """

    def __init__(self, limit: int) -> None:
        """Give up after more than ``limit`` deaths in a row between which no item was survived."""
        self.limit = limit
        self._times: Counter[tuple[str, int]] = Counter()
        self._furthest: dict[str, int] = {}
        self._in_a_row = 0

    def add(self, shard: str, item: int, names: Sequence[str]) -> None:
        """A worker died.

        Args:
            shard: that it made.
            item: number of the item in progress; -1 is none.
            names: of the items of the shard.

        Raises:
            RuntimeError: too many died.
        """
        if item >= 0:
            self._times[shard, item] += 1
            if item > self._furthest.get(shard, -1) + 1:
                self._in_a_row = 0  # the items in between were survived
            self._furthest[shard] = max(item, self._furthest.get(shard, -1))
        self._in_a_row += 1
        if self._in_a_row > self.limit:
            place = f"at '{names[item]}'" if item >= 0 else "at no item"
            raise RuntimeError(
                f"{self._in_a_row} worker processes died in a row, the last one {place} in shard "
                f"'{shard}': out of memory, or a crash in native code. Finished shards are kept; "
                "run the same command again with fewer workers, or without that input."
            )

    def finish(self, shard: str) -> None:
        """The shard is written."""
        self._in_a_row = 0
        self._furthest.pop(shard, None)
        for key in [key for key in self._times if key[0] == shard]:
            del self._times[key]

    def killers(self, shard: str) -> frozenset[int]:
        """Items of the shard that must not be tried again."""
        return frozenset(item for (name, item), n in self._times.items() if name == shard and n > 1)
