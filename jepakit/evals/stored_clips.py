"""The clips of a data set in stored order, with the group of each: what evaluations read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jepakit.batch import BatchRequest, SceneBatch
from jepakit.data.collate import Clip, Pixels, collate
from jepakit.data.shard_reader import ShardReader
from jepakit.data.views import Views


class StoredClips:
    """Batches of clips, each with its groups; the first frames and the centre, never mirrored.

    Args:
        reader: an open data set or split.
        request: the clips that the model takes.
        batch_size: clips per batch.

    Raises:
        ValueError: the stored clips do not have the size that the model takes.
    """

    def __init__(self, reader: ShardReader, request: BatchRequest, *, batch_size: int = 32) -> None:
        self._reader = reader
        self._batch_size = batch_size
        self._views = Views(reader.form, request, random=False)
        self._labels = tuple(reader.manifest.description.label_kinds)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self._reader)

    def __iter__(self) -> Iterator[tuple[SceneBatch, list[str]]]:
        """All batches.

        Raises:
            BadSample: a damaged clip; an evaluation does not go on without it.
        """
        for start in range(0, len(self), self._batch_size):
            yield self._batch(range(start, min(start + self._batch_size, len(self))))

    def _batch(self, numbers: range) -> tuple[SceneBatch, list[str]]:
        frames = []
        clips = []
        groups = []
        for number in numbers:
            with self._reader.open(number) as stored:
                view = self._views.choose(0, stored.key)
                coverage = self._views.coverage(stored, view)
                clips.append(Clip(stored.key, 0, coverage, 0, stored.meta["labels"]))
                frames.append(view.cut(stored.frames()))
                groups.append(str(stored.meta["details"]["group"]))
        pixels = Pixels(np.stack(frames))
        return collate(clips, pixels, targets=self._labels), groups
