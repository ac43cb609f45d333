"""A few things kept by name, the least recently used ones forgotten first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """A dictionary of bounded size, for several threads.

    Args:
        limit: sum of the sizes of what is kept; the newest entry stays, however large.
        size: of an entry, 1 by default.
    """

    def __init__(self, limit: int, *, size: Callable[[V], int] = lambda _: 1) -> None:
        self._limit = limit
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: K) -> V | None:
        """The entry, or None where there is none any more."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key]

    def put(self, key: K, value: V) -> None:
        """Keep an entry, and forget the oldest ones until all fit."""
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            total = sum(map(self._size, self._entries.values()))
            while len(self._entries) > 1 and total > self._limit:
                _, gone = self._entries.popitem(last=False)
                total -= self._size(gone)

    def made(self, key: K, make: Callable[[], V]) -> V:
        """The entry; it is made where there is none."""
        found = self.get(key)
        if found is None:
            found = make()
            self.put(key, found)
        return found
