"""Where each member of each sample lies in its tar; written last, so it also commits the tar."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from jepakit.data.members import NAME
from jepakit.data.schema import KEY, SCHEMA

_ROW = np.dtype([("name", "<u2"), ("offset", "<i8"), ("size", "<i8"), ("crc", "<u4")])


@dataclass(frozen=True)
class Place:
    """Bytes of one member: offset in the tar, size and crc32."""

    offset: int
    size: int
    crc: int


@dataclass(frozen=True)
class ShardIndex:
    """The index of one shard, held compactly (about 25 bytes per member).

    Attributes:
        shard: name of the tar without ``.tar``.
        keys: of its samples, in stored order.
        rows: places of all members, sample after sample.
        first: row at which each sample starts, and the total.
        names: member names that the rows refer to.
    """

    shard: str
    keys: Shaped[ndarray, " samples"]
    rows: Shaped[ndarray, " members"]
    first: Shaped[ndarray, " samples_plus_1"]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.keys)

    def key(self, sample: int) -> str:
        """Name of a sample."""
        return bytes(self.keys[sample]).decode()

    def places(self, sample: int) -> dict[str, Place]:
        """Members of a sample by name."""
        rows = self.rows[self.first[sample] : self.first[sample + 1]]
        return {self.names[n]: Place(o, s, c) for n, o, s, c in rows.tolist()}

    @classmethod
    def parse(cls, data: bytes) -> ShardIndex:
        """From the bytes of an index file.

        Raises:
            ValueError: not an index of schema version 1, or it names members outside the schema.
        """
        record = json.loads(data)
        if not isinstance(record, dict) or record.get("schema") != SCHEMA:
            raise ValueError(f"Not a shard index of schema version {SCHEMA}.")
        samples: dict[str, dict[str, list[int]]] = record["samples"]
        names = sorted({name for members in samples.values() for name in members})
        unknown = [name for name in names if not NAME.fullmatch(name)]
        unknown += [key for key in samples if not KEY.fullmatch(key)]
        if unknown:
            raise ValueError(f"Shard {record['shard']}: names {unknown} are not in the schema.")
        code = {name: number for number, name in enumerate(names)}
        rows = [(code[n], *place) for members in samples.values() for n, place in members.items()]
        return cls(
            shard=record["shard"],
            keys=np.array(list(samples), dtype=np.bytes_),
            rows=np.array(rows, dtype=_ROW),
            first=np.cumsum([0, *(len(members) for members in samples.values())]),
            names=tuple(names),
        )


@dataclass(frozen=True)
class ShardRecord:
    """What the manifest keeps of a shard, and what a rerun needs to know that it is finished.

    Attributes:
        name: of the tar without ``.tar``.
        split: the split it belongs to.
        samples: number of samples.
        size: of the tar in bytes.
        sha256: of the tar.
        index_sha256: of the index file.
        counts: clips without objects, clips with counterfactuals, rejected items.
    """

    name: str
    split: str
    samples: int
    size: int
    sha256: str
    index_sha256: str
    counts: dict[str, int]

    @classmethod
    def of_index(cls, data: bytes) -> ShardRecord:
        """From the bytes of an index file."""
        fields = json.loads(data)
        return cls(
            name=fields["shard"],
            split=fields["split"],
            samples=len(fields["samples"]),
            size=fields["size"],
            sha256=fields["sha256"],
            index_sha256=hashlib.sha256(data).hexdigest(),
            counts=fields["counts"],
        )
