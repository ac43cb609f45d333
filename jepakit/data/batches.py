"""Data sets whose items are whole batches; a damaged sample is replaced by the next in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from jaxtyping import Int
from numpy import ndarray
from torch.utils.data import Dataset

from jepakit.batch import BatchRequest, SceneBatch
from jepakit.data.collate import Clip, Pixels, collate
from jepakit.data.order import Order, Position
from jepakit.data.recycler import Recycler
from jepakit.data.schema import BadSample
from jepakit.protocols import AnyMasker

Faults = dict[str, str]


B = TypeVar("B")
T = TypeVar("T")


class OrderedBatches(Dataset[tuple[B, Faults]], Generic[B], ABC):
    """``batches[places]`` is the batch at these places of the order, and the damaged samples met.

    A damaged sample is replaced by the next one of the order, so that shapes stay equal and every
    rank and worker finds the same replacement on its own.

    Args:
        order: in which samples are numbered.
        request: what a batch has.
        seed: of whatever is drawn for a sample.
        allowed: damaged samples in a row after which reading stops.
    """

    def __init__(
        self, order: Order, *, request: BatchRequest, seed: int = 0, allowed: int = 0
    ) -> None:
        self.order = order
        self.request = request
        self.seed = seed
        self.allowed = allowed
        self._memory = Recycler()

    @property
    @abstractmethod
    def sample_bytes(self) -> int:
        """Memory that a sample takes in a batch, for the most part."""

    @abstractmethod
    def key(self, number: int) -> str:
        """The name of a sample, without reading it."""

    @abstractmethod
    def __getitem__(self, places: Sequence[Position]) -> tuple[B, Faults]:
        """Read and decode the samples at ``places``."""

    def load(
        self, places: Sequence[Position], decode: Callable[[int, int, int], T]
    ) -> tuple[list[T], Faults]:
        """What ``decode`` makes of the sample at each place, and the damaged samples met.

        Args:
            places: in the order.
            decode: takes the number of a sample, the epoch and the row of the batch; where it
                raises BadSample, the next good sample of that epoch takes the row.

        Raises:
            ValueError: only damaged samples in a row.
        """
        faults: Faults = {}
        orders = {epoch: self.order.epoch(epoch) for epoch in {place.epoch for place in places}}
        loaded = [
            self._load(orders[place.epoch], place, row, decode, faults)
            for row, place in enumerate(places)
        ]
        return loaded, faults

    def _load(
        self,
        samples: Int[ndarray, " samples"],
        place: Position,
        row: int,
        decode: Callable[[int, int, int], T],
        faults: Faults,
    ) -> T:
        for step in range(min(len(samples), self.allowed + 2)):
            number = int(samples[(place.offset + step) % len(samples)])
            try:
                return decode(number, place.epoch, row)
            except BadSample as error:
                faults[self.key(number)] = str(error)
        raise ValueError("Only damaged samples in a row:\n  " + "\n  ".join(faults.values()))


class Batches(OrderedBatches[SceneBatch]):
    """Batches of clips, masked.

    Args:
        order: in which samples are numbered.
        request: what a batch has.
        targets: labels that are handed on.
        masker: hides tokens; None for batches without masks.
        seed: of masks and of whatever else is drawn for a sample.
        allowed: damaged samples in a row after which reading stops.
    """

    def __init__(
        self,
        order: Order,
        *,
        request: BatchRequest,
        targets: Sequence[str] = (),
        masker: AnyMasker | None = None,
        seed: int = 0,
        allowed: int = 0,
    ) -> None:
        super().__init__(order, request=request, seed=seed, allowed=allowed)
        self.targets = tuple(targets)
        self.masker = masker

    @property
    def sample_bytes(self) -> int:
        """Bytes of a clip's pixels."""
        per_pixel = 3 * (1 + self.request.counterfactual) + self.request.labels
        return self.request.frames * self.request.size[0] * self.request.size[1] * per_pixel

    @abstractmethod
    def decode(self, number: int, epoch: int, row: int, pixels: Pixels) -> Clip:
        """Read a sample and decode it into a row of ``pixels``.

        Raises:
            BadSample: it is damaged.
        """

    def __getitem__(self, places: Sequence[Position]) -> tuple[SceneBatch, Faults]:
        """Read, decode, cut and mask the samples at ``places``."""
        pixels = self._room(len(places))
        clips, faults = self.load(places, partial(self.decode, pixels=pixels))
        batch = collate(clips, pixels, masker=self.masker, seed=self.seed, targets=self.targets)
        return batch, faults

    def _room(self, batch: int) -> Pixels:
        shape = batch, self.request.frames, *self.request.size
        return Pixels(
            self._memory.take((*shape, 3)),
            self._memory.take(shape) if self.request.labels else None,
            self._memory.take((*shape, 3)) if self.request.counterfactual else None,
        )
