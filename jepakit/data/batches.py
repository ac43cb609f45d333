"""A data set whose items are whole batches; a damaged sample is replaced by the next in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

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


class Batches(Dataset[tuple[SceneBatch, Faults]], ABC):
    """``batches[places]`` is the batch at these places of the order, and the damaged samples met.

    A damaged sample is replaced by the next one of the order, so that shapes stay equal and every
    rank and worker finds the same replacement on its own.

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
        self.order = order
        self.request = request
        self.targets = tuple(targets)
        self.masker = masker
        self.seed = seed
        self.allowed = allowed
        self._memory = Recycler()

    @abstractmethod
    def key(self, number: int) -> str:
        """The name of a sample, without reading it."""

    @abstractmethod
    def decode(self, number: int, epoch: int, row: int, pixels: Pixels) -> Clip:
        """Read a sample and decode it into a row of ``pixels``.

        Raises:
            BadSample: it is damaged.
        """

    def __getitem__(self, places: Sequence[Position]) -> tuple[SceneBatch, Faults]:
        """Read, decode, cut and mask the samples at ``places``."""
        pixels = self._room(len(places))
        faults: Faults = {}
        orders = {epoch: self.order.epoch(epoch) for epoch in {place.epoch for place in places}}
        clips = [
            self._load(orders[place.epoch], place, row, pixels, faults)
            for row, place in enumerate(places)
        ]
        batch = collate(clips, pixels, masker=self.masker, seed=self.seed, targets=self.targets)
        return batch, faults

    def _room(self, batch: int) -> Pixels:
        shape = batch, self.request.frames, *self.request.size
        return Pixels(
            self._memory.take((*shape, 3)),
            self._memory.take(shape) if self.request.labels else None,
            self._memory.take((*shape, 3)) if self.request.counterfactual else None,
        )

    def _load(
        self,
        samples: Int[ndarray, " samples"],
        place: Position,
        row: int,
        pixels: Pixels,
        faults: Faults,
    ) -> Clip:
        """The sample at ``place``, or the next good one of its epoch."""
        for step in range(min(len(samples), self.allowed + 2)):
            number = int(samples[(place.offset + step) % len(samples)])
            try:
                return self.decode(number, place.epoch, row, pixels)
            except BadSample as error:
                faults[self.key(number)] = str(error)
        raise ValueError("Only damaged samples in a row:\n  " + "\n  ".join(faults.values()))
