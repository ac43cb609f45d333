"""Batches of clips from shards, decoded into one block of memory."""

from __future__ import annotations

import math

from jaxtyping import UInt8
from numpy import ndarray

from jepakit.data.batches import Batches
from jepakit.data.collate import Clip, Pixels
from jepakit.data.order import Order
from jepakit.data.shard_reader import ShardReader
from jepakit.data.stored_sample import StoredSample
from jepakit.data.views import View, Views
from jepakit.protocols import AnyMasker
from jepakit.seeds import derive_seed


class BatchDataset(Batches):
    """Whole batches of the samples of shards, see :class:`jepakit.data.batches.Batches`.

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
        masker: AnyMasker | None = None,
        seed: int = 0,
        allowed: int = 0,
    ) -> None:
        super().__init__(
            order,
            request=views.request,
            targets=tuple(reader.manifest.description.label_kinds),
            masker=masker,
            seed=seed,
            allowed=allowed,
        )
        self.reader = reader
        self.views = views
        if self.request.counterfactual and not any(
            shard.counts["with_counterfactuals"] for shard in reader.shards
        ):
            raise ValueError(
                f"The model needs re-simulated clips, but {reader.path} has none; prepare the data "
                "with --counterfactuals one (or all)."
            )

    def key(self, number: int) -> str:
        """The name of a sample, without reading it."""
        return self.reader.key(number)

    def decode(self, number: int, epoch: int, row: int, pixels: Pixels) -> Clip:
        """Read a sample, cut its view and decode it into a row of ``pixels``.

        Raises:
            BadSample: it is damaged.
        """
        with self.reader.open(number) as stored:
            return self._decode(stored, epoch, row, pixels)

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
        clip = stored.frames(without=without, out=scratch, needed=view.frames)
        out[...] = view.cut(clip)

    def _choose_removed(
        self, stored: StoredSample, coverage: UInt8[ndarray, "k tt hh ww"], epoch: int
    ) -> int:
        """One of the objects that the clip was simulated without and that the view shows."""
        seen = [i for i in stored.meta["counterfactuals"] if coverage[i - 1].any()]
        if not seen:
            return 0
        return seen[derive_seed("counterfactual", self.seed, epoch, stored.key) % len(seen)]
