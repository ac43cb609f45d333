"""Batches from shards: endless and resumable for training, or one pass over a split."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Sampler

from jepakit.batch import BatchRequest
from jepakit.data.batches import OrderedBatches
from jepakit.data.dataset import BatchDataset
from jepakit.data.faults import FaultLedger
from jepakit.data.order import Dealer, Deals, Order, Position
from jepakit.data.shard_reader import ShardReader
from jepakit.data.views import Views
from jepakit.protocols import AnyMasker

PREFETCH_BYTES = 1 << 30

B = TypeVar("B", bound=OrderedBatches[Any])


class PlaceSampler(Sampler[list[Position]]):
    """The places of each of this rank's batches, from where ``start`` says when iteration begins.

    Args:
        dealer: cuts the order into batches.
        rank: this process.
        start: asked once per iteration.
        endless: False ends with the epoch of the start.
    """

    def __init__(
        self, dealer: Deals, *, rank: int, start: Callable[[], Any], endless: bool
    ) -> None:
        self.dealer = dealer
        self.rank = rank
        self.start = start
        self.endless = endless

    def __iter__(self) -> Iterator[list[Position]]:
        """Batches of places."""
        start = self.start()
        batches = self.dealer.stream(start, self.rank)
        return (
            batches
            if self.endless
            else itertools.islice(batches, self.dealer.batches(start.offset))
        )


class ClipLoader(Generic[B]):
    """Iterates over batches of this rank and keeps count of damaged samples.

    Args:
        dataset: decodes a batch.
        sampler: says which.
        ledger: refuses too many damaged samples.
        workers: decoding processes, each with one thread; 0 decodes in this process.
        pin: hand batches on in page-locked memory, for copies to a GPU that do not block.
    """

    def __init__(
        self,
        dataset: B,
        sampler: PlaceSampler,
        ledger: FaultLedger,
        *,
        workers: int = 0,
        pin: bool = False,
    ) -> None:
        # Lightning takes attributes named `dataset` and `sampler` for those of a plain DataLoader.
        self.source = dataset
        self.places = sampler
        self.ledger = ledger
        options: dict[str, Any] = {}
        if workers:
            options = {"persistent_workers": True, "prefetch_factor": self._prefetch(workers)}
        self._loader = DataLoader(
            dataset,
            sampler=sampler,
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=workers,
            worker_init_fn=_one_thread,
            pin_memory=pin,
            generator=torch.Generator(),  # else every start would draw from the global stream
            **options,
        )

    def __iter__(self) -> Iterator[Any]:
        """Batches from the sampler's start on.

        Raises:
            ValueError: more damaged samples than the budget allows.
        """
        for batch, faults in self._loader:
            self.ledger.add(faults)
            yield batch

    def __len__(self) -> int:
        """Batches of one pass.

        Raises:
            TypeError: the stream is endless (which is how Lightning asks).
        """
        if self.places.endless:
            raise TypeError("An endless stream has no length.")
        return self.places.dealer.batches(self.places.start().offset)

    @property
    def _iterator(self) -> Any:
        """Where Lightning looks for workers to stop at the end of a run, also of a failed one.

        Left to the garbage collector, each is waited for in vain for 5 seconds: the queue that
        would tell it to stop is finalised before the iterator.
        """
        return self._loader._iterator

    @_iterator.setter
    def _iterator(self, iterator: Any) -> None:
        self._loader._iterator = iterator

    def _prefetch(self, workers: int) -> int:
        """Batches that a worker prepares ahead: at most 4, and 1 GiB in all where batches allow."""
        size = self.places.dealer.batch * self.source.sample_bytes
        return max(1, min(4, PREFETCH_BYTES // (workers * size)))


def clip_batches(
    path: str,
    request: BatchRequest,
    *,
    split: str | None = None,
    batch_size: int = 32,
    workers: int = 0,
    masker: AnyMasker | None = None,
    seed: int = 0,
    bad_sample_budget: float = 0.0,
) -> ClipLoader[BatchDataset]:
    """One pass over a split in stored order, each sample once; for evaluations in one process.

    Clips are seen from their first frame, centred and unflipped.

    Raises:
        ValueError: see ShardReader, Views and FaultLedger.
    """
    reader = ShardReader(path, split=split)
    ledger = FaultLedger(len(reader), bad_sample_budget)
    dataset = BatchDataset(
        reader,
        order=Order(reader.sizes, shuffle=False),
        views=Views(reader.form, request, random=False),
        masker=masker,
        seed=seed,
        allowed=ledger.allowed,
    )
    return one_pass(dataset, ledger, batch_size=batch_size, workers=workers)


def one_pass(
    dataset: B, ledger: FaultLedger, *, batch_size: int, workers: int = 0
) -> ClipLoader[B]:
    """Every sample once in the order of the data set, in one process."""
    dealer = Dealer(len(dataset.order), batch_size, last="short")
    sampler = PlaceSampler(dealer, rank=0, start=_beginning, endless=False)
    return ClipLoader(dataset, sampler, ledger, workers=workers)


def _beginning() -> Position:
    return Position(0, 0)


def _as_it_is(item: Any) -> Any:
    return item


def _one_thread(worker: int) -> None:  # noqa: ARG001
    torch.set_num_threads(1)
