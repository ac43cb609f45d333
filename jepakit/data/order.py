"""In which order samples are read, and which rank reads which: pure arithmetic, no files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from jepakit.seeds import derive_seed

Last = Literal["carry", "drop", "pad", "short"]


class Position(NamedTuple):
    """A place in the endless stream: samples consumed by all ranks together in an epoch."""

    epoch: int
    offset: int


@dataclass(frozen=True)
class Order:
    """One permutation of all samples per epoch, a function of (seed, epoch, shard sizes) alone.

    Attributes:
        sizes: samples of each shard.
        seed: of the permutations.
        window: shards per window. 0 permutes all samples; otherwise shards are permuted, cut into
            windows of this many, and samples permuted within each window, so that a remote store is
            read a few shards at a time. Measured: 16 shards of 256 mix as well as a shuffle buffer
            of 4,096 samples.
        shuffle: False keeps the stored order in every epoch.
    """

    sizes: tuple[int, ...]
    seed: int = 0
    window: int = 0
    shuffle: bool = True

    def __post_init__(self) -> None:
        """Refuse an empty order."""
        if sum(self.sizes) < 1 or min(self.sizes) < 0 or self.window < 0:
            raise ValueError(f"Need samples and a window of 0 or more, got {self}.")

    def __len__(self) -> int:
        """Samples per epoch."""
        return sum(self.sizes)

    def epoch(self, epoch: int) -> Int[ndarray, " samples"]:
        """Sample numbers in the order of this epoch (10 million take 0.2 s and 80 MB)."""
        return _permutation(self, epoch)


@lru_cache(maxsize=3)
def _permutation(order: Order, epoch: int) -> Int[ndarray, " samples"]:
    if not order.shuffle:
        return np.arange(len(order))
    # RandomState, because its streams are frozen between versions of numpy and Generator's are not.
    random = np.random.RandomState(np.random.MT19937(derive_seed("order", order.seed, epoch)))
    if not order.window:
        return random.permutation(len(order))
    first = np.cumsum([0, *order.sizes])
    shards = random.permutation(len(order.sizes))
    windows = [shards[i : i + order.window] for i in range(0, len(shards), order.window)]
    return np.concatenate(
        [
            random.permutation(np.concatenate([np.arange(first[s], first[s + 1]) for s in window]))
            for window in windows
        ]
    )


@runtime_checkable
class Deals(Protocol):
    """What gives every rank its batches of places: a Dealer, or one of several orders.

    Positions are its own: whatever tuple of integers says where its orders stand.
    """

    @property
    def batch(self) -> int:
        """Samples per rank and step."""

    def batches(self, offset: int = 0) -> int:
        """Global batches that start in an epoch at or after ``offset``."""

    def after(self, start: Any, batches: int) -> Any:
        """The position once ``batches`` global batches have been consumed from ``start`` on."""

    def stream(self, start: Any, rank: int) -> Iterator[list[Position]]:
        """This rank's batches from ``start`` on, without end."""


@dataclass(frozen=True)
class Dealer:
    """Cuts the stream into global batches and deals each to the ranks by place.

    Rank ``r`` of ``w`` takes places ``r * batch`` up to ``(r + 1) * batch`` of every global batch
    of ``w * batch``: all ranks get equally many, and the joined batches of all ranks are the same
    stretch of the stream for any number of ranks.

    Attributes:
        samples: per epoch.
        batch: samples per rank and step.
        world: number of ranks.
        last: what happens at the end of an epoch to samples that fill no global batch. ``carry``:
            they open a batch that the next epoch completes, so every sample comes exactly once per
            epoch. ``drop``: left out of this epoch. ``pad``: completed with the epoch's first ones.
            ``short``: a smaller batch, for one rank only.
    """

    samples: int
    batch: int
    world: int = 1
    last: Last = "carry"

    def __post_init__(self) -> None:
        """Refuse layouts without a batch, and short batches on several ranks."""
        if self.batch < 1 or self.world < 1:
            raise ValueError(f"Need positive batch and world sizes, got {self}.")
        if self.last == "drop" and self.samples < self.joint:
            raise ValueError(
                f"{self.samples} samples make no whole global batch of {self.joint} ({self.world} "
                f"ranks x {self.batch}) and last='drop' drops the rest; use a smaller batch."
            )
        if self.last == "short" and self.world > 1:
            raise ValueError("last='short' would give ranks different sizes; use 'pad' or 'drop'.")

    @property
    def joint(self) -> int:
        """Samples per global batch."""
        return self.batch * self.world

    def batches(self, offset: int = 0) -> int:
        """Global batches that start in an epoch at or after ``offset``."""
        rest = max(0, self.samples - offset)
        return rest // self.joint if self.last == "drop" else -(-rest // self.joint)

    def after(self, start: Position, batches: int) -> Position:
        """The position once ``batches`` global batches have been consumed from ``start`` on."""
        if self.last == "carry":
            epochs, offset = divmod(start.offset + batches * self.joint, self.samples)
            return Position(start.epoch + epochs, offset)
        rest = self.batches(start.offset)
        if batches < rest:
            return Position(start.epoch, start.offset + batches * self.joint)
        epochs, step = divmod(batches - rest, self.batches())
        return Position(start.epoch + 1 + epochs, step * self.joint)

    def deal(self, start: Position, rank: int) -> list[Position]:
        """This rank's places in the global batch that starts at ``start``."""
        mine = range(start.offset + rank * self.batch, start.offset + (rank + 1) * self.batch)
        if self.last == "short":
            mine = range(mine.start, min(mine.stop, self.samples))
        if self.last == "carry":
            return [Position(start.epoch + p // self.samples, p % self.samples) for p in mine]
        return [Position(start.epoch, p % self.samples) for p in mine]

    def stream(self, start: Position, rank: int) -> Iterator[list[Position]]:
        """This rank's batches from ``start`` on, without end."""
        position = self.after(start, 0)
        while True:
            yield self.deal(position, rank)
            position = self.after(position, 1)
