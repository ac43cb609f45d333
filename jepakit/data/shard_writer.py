"""Write one shard so that a killed run leaves either a finished shard or none."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from jepakit.data.members import EncodedSample
from jepakit.data.schema import SCHEMA
from jepakit.data.shard_index import ShardRecord
from jepakit.data.shard_target import ShardTarget, open_target

_HEADER = 512  # bytes of a USTAR header; names of this schema never need a second one


@dataclass(frozen=True)
class Reject:
    """An item that became no sample, and why."""

    item: str
    reason: str


def write_shard(
    place: str | Path | ShardTarget,
    name: str,
    samples: Iterable[EncodedSample | Reject],
    *,
    split: str,
    spec: str,
) -> ShardRecord:
    """Write ``name.tar`` and then ``name.index.json``, which commits it; bytes are reproducible.

    A shard that is already finished with the same ``spec`` is verified and left alone: ``samples``
    is then never iterated.

    Raises:
        ValueError: a key appears twice, or the finished shard was made with another ``spec``.
    """
    target = open_target(place)
    finished = finished_shard(target, name, spec)
    if finished is not None:
        return finished
    target.clear(name)
    target.remove(f"{name}.index.json")  # of a damaged shard
    with target.writing(f"{name}.tar") as stream:
        hashed = _HashedStream(stream)
        content = _write_tar(hashed, samples)
    fields = {
        "schema": SCHEMA,
        "shard": name,
        "split": split,
        "spec": spec,
        "size": hashed.size,
        "sha256": hashed.sha256.hexdigest(),
        **content,
    }
    data = json.dumps(fields, separators=(",", ":")).encode()
    with target.writing(f"{name}.index.json") as stream:
        stream.write(data)
    return ShardRecord.of_index(data)


def finished_shard(
    place: str | Path | ShardTarget, name: str, spec: str, *, checksum: bool = True
) -> ShardRecord | None:
    """The record of a shard that is complete and undamaged, or None when it must be written.

    Args:
        place: where it is.
        name: of the shard.
        spec: what it must have been made of.
        checksum: verify the bytes too, where they are on this machine.

    Raises:
        ValueError: it was made with another ``spec``.
    """
    target = open_target(place)
    data = target.read(f"{name}.index.json")
    if data is None:
        return None
    try:
        fields = json.loads(data)
        record = ShardRecord.of_index(data)
        made_of = fields["spec"]
    except (ValueError, KeyError, TypeError):
        return None  # a damaged index: the shard is written again
    if made_of != spec:
        raise ValueError(
            f"{target} holds shard '{name}' made with other settings or of other inputs; choose "
            "another folder or delete this one."
        )
    sha256 = record.sha256 if checksum else None
    return record if target.intact(f"{name}.tar", record.size, sha256) else None


class _HashedStream:
    """Counts and hashes what a tar writes."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.size = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Pass bytes on."""
        self.size += len(data)
        self.sha256.update(data)
        return self.stream.write(data)

    def tell(self) -> int:
        """Bytes so far."""
        return self.size


def _write_tar(stream: _HashedStream, samples: Iterable[EncodedSample | Reject]) -> dict[str, Any]:
    """The tar's members in order; returns what the index says of them."""
    places: dict[str, dict[str, tuple[int, int, int]]] = {}
    rejects: list[tuple[str, str]] = []
    counts = {"without_objects": 0, "with_counterfactuals": 0, "rejected": 0}
    with tarfile.open(fileobj=cast(BinaryIO, stream), mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            if isinstance(sample, Reject):
                rejects.append((sample.item, sample.reason))
                counts["rejected"] += 1
                continue
            if sample.key in places:
                raise ValueError(f"Key '{sample.key}' appears twice.")
            counts["without_objects"] += sample.objects == 0
            counts["with_counterfactuals"] += sample.counterfactuals > 0
            places[sample.key] = {
                name: _add(tar, f"{sample.key}.{name}", data)
                for name, data in sample.members.items()
            }
    return {"counts": counts, "rejects": rejects, "samples": places}


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> tuple[int, int, int]:
    info = tarfile.TarInfo(name)  # mtime, owner and group stay 0, so bytes depend on data alone
    info.size, info.mode = len(data), 0o644
    offset = tar.offset + _HEADER
    tar.addfile(info, io.BytesIO(data))
    return offset, len(data), zlib.crc32(data)
