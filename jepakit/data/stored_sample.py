"""One sample of a shard, still as bytes: each part is checked and decoded when it is asked for."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from jaxtyping import Shaped, UInt8
from numpy import ndarray

from jepakit.data.codecs import ARRAYS, decode_array, decode_coverage, decode_labels
from jepakit.data.coverage import check_labels
from jepakit.data.metadata import decode_meta
from jepakit.data.mp4_clip import decode_mp4
from jepakit.data.schema import BadSample, ClipFormat, Counterfactual, Sample
from jepakit.data.shard_index import Place
from jepakit.data.strips import decode_strip

T = TypeVar("T")


class StoredSample:
    """Parts of a sample, read from an open tar.

    Every method raises BadSample, naming shard, key and member, when bytes are missing or changed,
    or when they are not what schema version 1 says.

    Attributes:
        key: name of the sample.
    """

    def __init__(
        self, key: str, *, shard: str, file: int, places: dict[str, Place], form: ClipFormat
    ) -> None:
        self.key = key
        self._shard = shard
        self._file = file
        self._places = places
        self._form = form

    @property
    def name(self) -> str:
        """Shard and key, for messages."""
        return f"{self._shard}.tar, sample '{self.key}'"

    @cached_property
    def meta(self) -> dict[str, Any]:
        """What ``KEY.json`` holds."""
        return self._decode("json", lambda data: decode_meta(data, self.key, self._form))

    @property
    def objects(self) -> int:
        """Entries of the object table."""
        return len(self.meta["objects"])

    def frames(
        self,
        *,
        without: int = 0,
        out: UInt8[ndarray, "t h w 3"] | None = None,
        needed: slice = slice(None),
    ) -> UInt8[ndarray, "t h w 3"]:
        """The clip, or its counterfactual without an object; decoded into ``out`` if given.

        Frames outside ``needed`` may stay undecoded, with whatever ``out`` held.
        """
        member = _prefix(without) + self._form.image
        if self._form.image == "mp4":
            return self._decode(member, decode_mp4, self._form, out, needed)
        return self._decode(member, decode_strip, self._form, out)

    def labels(self, *, without: int = 0) -> UInt8[ndarray, "t h w"]:
        """The label map of the clip, or of its counterfactual without an object."""

        def decode(data: bytes) -> UInt8[ndarray, "t h w"]:
            labels = decode_labels(data, self._form.shape)
            check_labels(labels, self.objects)
            return labels

        return self._decode(_prefix(without) + "labels", decode)

    def coverage(self) -> UInt8[ndarray, "k tt hh ww"]:
        """Coverage on the grid of the data set."""
        return self._decode("coverage", decode_coverage, self.objects, self._form.grid)

    def array(self, name: str) -> Shaped[ndarray, ...] | None:
        """``states``, ``contacts`` or ``actions``; None where the sample has none."""
        if name not in self._places:
            return None
        return self._decode(name, lambda data: decode_array(name, data))

    def members(self) -> dict[str, bytes]:
        """Every member as it is stored, checked but not decoded."""
        return {name: self._decode(name, bytes) for name in self._places}

    def whole(self) -> Sample:
        """Everything."""
        return Sample(
            key=self.key,
            frames=self.frames(),
            labels=self.labels(),
            meta=self.meta,
            coverage=self.coverage(),
            counterfactuals={
                identity: Counterfactual(
                    self.frames(without=identity), self.labels(without=identity)
                )
                for identity in self.meta["counterfactuals"]
            },
            **{name: self.array(name) for name in ARRAYS},
        )

    def _decode(self, member: str, decode: Callable[..., T], *args: Any) -> T:
        try:
            return decode(self._read(member), *args)
        except ValueError as error:
            raise BadSample(f"{self.name}, {member}: {error}") from error

    def _read(self, member: str) -> bytes:
        if member not in self._places:
            raise ValueError(f"no such member; the sample has {sorted(self._places)}")
        place = self._places[member]
        data = os.pread(self._file, place.size, place.offset)
        if len(data) != place.size:
            raise ValueError(f"cut short, {len(data)} of {place.size} bytes")
        if zlib.crc32(data) != place.crc:
            raise ValueError("damaged, its crc32 is not the one of the index")
        return data


def _prefix(without: int) -> str:
    return f"cf{without}." if without else ""
