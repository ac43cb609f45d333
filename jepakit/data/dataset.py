"""A data set whose items are whole batches, decoded into one block of memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Int, UInt8
from numpy import ndarray
from torch.utils.data import Dataset

from jepakit.batch import BatchRequest, SceneBatch
from jepakit.data.collate import Clip, Pixels, collate
from jepakit.data.order import Order, Position
from jepakit.data.recycler import Recycler
from jepakit.data.schema import BadSample
from jepakit.data.shard_reader import ShardReader
from jepakit.data.stored_sample import StoredSample
from jepakit.data.views import View, Views
from jepakit.protocols import Masker
from jepakit.seeds import derive_seed

Faults = dict[str, str]


class BatchDataset(Dataset[tuple[SceneBatch, Faults]]):
    """``dataset[places]`` is the batch at these places of the order, and the damaged samples met.

    A damaged sample is replaced by the next one of the order, so that shapes stay equal and every
    rank and worker finds the same replacement on its own.

    Args:
        reader: of the shards.
        order: in which samples are numbered.
        views: which part of a clip is seen.
        masker: hides tokens; None for batches without masks.
        seed: of masks and of the choice of counterfactuals.
        allowed: damaged samples in a row after which reading stops.

    Raises:
        ValueError: the model asks for counterfactuals and no clip of the split has one.
    """

    def __init__(
        self,
        reader: ShardReader,
        *,
        order: Order,
        views: Views,
        masker: Masker | None = None,
        seed: int = 0,
        allowed: int = 0,
    ) -> None:
        self.reader = reader
        self.order = order
        self.views = views
        self.masker = masker
        self.seed = seed
        self.allowed = allowed
        self.request: BatchRequest = views.request
        self.targets = tuple(reader.manifest.description.label_kinds)
        self._memory = Recycler()
        if self.request.counterfactual and not any(
            shard.counts["with_counterfactuals"] for shard in reader.shards
        ):
            raise ValueError(
                f"The model needs re-simulated clips, but {reader.path} has none; prepare the data "
                "with --counterfactuals one (or all)."
            )

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
                with self.reader.open(number) as stored:
                    return self._decode(stored, place.epoch, row, pixels)
            except BadSample as error:
                faults[self.reader.key(number)] = str(error)
        raise ValueError("Only damaged samples in a row:\n  " + "\n  ".join(faults.values()))

    def _decode(self, stored: StoredSample, epoch: int, row: int, pixels: Pixels) -> Clip:
        view = self.views.choose(epoch, stored.key)
        coverage = self.views.coverage(stored, view)
        self._frames(stored, view, pixels.frames[row])
        removed = 0
        if pixels.labels is not None:
            pixels.labels[row] = view.cut(stored.labels())
        if pixels.counterfactual is not None:
            removed = self._choose_removed(stored, coverage, epoch)
            self._frames(stored, view, pixels.counterfactual[row], without=removed)
        labels = dict(stored.meta["labels"])
        if view.flip:
            for name in self.reader.manifest.description.mirrored:
                labels[name] = 1.0 - labels.get(name, math.nan)
        return Clip(stored.key, epoch, coverage, removed, labels)

    def _frames(
        self, stored: StoredSample, view: View, out: UInt8[ndarray, "t h w 3"], without: int = 0
    ) -> None:
        if self.views.whole(view):
            stored.frames(without=without, out=out)
            return
        scratch = self._memory.take((*self.reader.form.shape, 3))
        out[...] = view.cut(stored.frames(without=without, out=scratch))

    def _choose_removed(
        self, stored: StoredSample, coverage: UInt8[ndarray, "k tt hh ww"], epoch: int
    ) -> int:
        """One of the objects that the clip was simulated without and that the view shows."""
        seen = [i for i in stored.meta["counterfactuals"] if coverage[i - 1].any()]
        if not seen:
            return 0
        return seen[derive_seed("counterfactual", self.seed, epoch, stored.key) % len(seen)]
