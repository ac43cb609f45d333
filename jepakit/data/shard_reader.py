"""Random access to the samples of a data set, every byte checked before it is decoded."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator

import numpy as np

from jepakit.data.manifest import MANIFEST, Manifest
from jepakit.data.schema import BadSample, Sample
from jepakit.data.shard_index import ShardIndex
from jepakit.data.storage import open_storage
from jepakit.data.stored_sample import StoredSample


class ShardReader:
    """The samples of one split (or of all), numbered in the order in which they are stored.

    Args:
        path: folder or remote prefix that holds ``manifest.json``.
        split: name of a split of the manifest; None reads all of them.
        cache: folder for shards fetched from a remote prefix.
        cache_gb: size of that folder above which the oldest shards are deleted.

    Raises:
        ValueError: no manifest, a damaged one, no such split, or a shard or index that is missing
            or was replaced. Damage inside a shard shows when its samples are read.
    """

    def __init__(
        self,
        path: str,
        *,
        split: str | None = None,
        cache: str | None = None,
        cache_gb: float = 100.0,
    ) -> None:
        self.path = path
        self.split = split
        self.storage = open_storage(path, cache=cache, cache_gb=cache_gb)
        if not self.storage.exists(MANIFEST):
            raise ValueError(
                f"No {MANIFEST} in {path}; make the data set with python -m data_prep."
            )
        self.manifest = Manifest.parse(self.storage.small(MANIFEST))
        self.form = self.manifest.description.form
        self.shards = [shard for shard in self.manifest.of_split(split) if shard.samples]
        self.sizes = tuple(shard.samples for shard in self.shards)
        self._first = np.cumsum([0, *self.sizes])
        self._raw_indices = self._check_files()
        self._indices: dict[int, ShardIndex] = {}

    def __len__(self) -> int:
        """Number of samples."""
        return int(self._first[-1])

    def __iter__(self) -> Iterator[Sample]:
        """All samples, whole, in stored order.

        Raises:
            BadSample: a damaged one.
        """
        for number in range(len(self)):
            with self.open(number) as stored:
                yield stored.whole()

    def key(self, number: int) -> str:
        """Name of a sample."""
        shard, row = self._locate(number)
        return self._index(shard).key(row)

    @contextlib.contextmanager
    def open(self, number: int) -> Iterator[StoredSample]:
        """A sample whose parts can be read while the context lasts.

        Raises:
            BadSample: the shard has vanished since the start.
            IndexError: there is no such sample.
        """
        shard, row = self._locate(number)
        index = self._index(shard)
        file = self._open_shard(shard)
        try:
            yield StoredSample(
                index.key(row),
                shard=index.shard,
                file=file,
                places=index.places(row),
                form=self.form,
            )
        finally:
            os.close(file)

    def _locate(self, number: int) -> tuple[int, int]:
        """Shard and row of a sample."""
        if not 0 <= number < len(self):
            raise IndexError(f"Sample {number} of {len(self)}.")
        shard = int(np.searchsorted(self._first, number, side="right")) - 1
        return shard, number - int(self._first[shard])

    def _index(self, shard: int) -> ShardIndex:
        if shard not in self._indices:
            self._indices[shard] = ShardIndex.parse(self._raw_indices[shard])
            self._raw_indices[shard] = b""
        return self._indices[shard]

    def _open_shard(self, shard: int) -> int:
        record = self.shards[shard]
        name = f"{record.name}.tar"
        for _ in range(3):  # another process may drop a cached shard between its two lines
            path = self.storage.local(name, record.size, record.sha256)
            with contextlib.suppress(FileNotFoundError):
                return os.open(path, os.O_RDONLY)
        raise BadSample(f"{name} has vanished from {self.path}.")

    def _check_files(self) -> list[bytes]:
        """Every index as bytes, once all files are there and agree with the manifest."""
        missing = [
            name
            for shard in self.shards
            for name in (f"{shard.name}.tar", f"{shard.name}.index.json")
            if not self.storage.exists(name)
        ]
        if missing:
            raise ValueError(
                f"{self.path} lacks {len(missing)} files of its manifest: {missing[:8]}."
            )
        raw = [self.storage.small(f"{shard.name}.index.json") for shard in self.shards]
        for shard, data in zip(self.shards, raw, strict=True):
            if hashlib.sha256(data).hexdigest() != shard.index_sha256:
                raise ValueError(
                    f"{shard.name}.index.json in {self.path} is not the one of the manifest; run "
                    "the python -m data_prep command again."
                )
        return raw
