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
from typing import Any, BinaryIO

from jepakit.data.atomic import atomic_file, remove_leftovers
from jepakit.data.members import EncodedSample
from jepakit.data.schema import SCHEMA
from jepakit.data.shard_index import ShardRecord

_HEADER = 512  # bytes of a USTAR header; names of this schema never need a second one


@dataclass(frozen=True)
class Reject:
    """An item that became no sample, and why."""

    item: str
    reason: str


def write_shard(
    folder: Path, name: str, samples: Iterable[EncodedSample | Reject], *, split: str, spec: str
) -> ShardRecord:
    """Write ``name.tar`` and then ``name.index.json``, which commits it; bytes are reproducible.

    A shard that is already finished with the same ``spec`` is verified by its checksum and left
    alone: ``samples`` is then never iterated.

    Raises:
        ValueError: a key appears twice, or the finished shard was made with another ``spec``.
    """
    finished = finished_shard(folder, name, spec)
    if finished is not None:
        return finished
    remove_leftovers(folder, name)
    with atomic_file(folder / f"{name}.tar") as stream:
        content = _write_tar(stream, samples)
    tar = folder / f"{name}.tar"
    with tar.open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    fields = {
        "schema": SCHEMA,
        "shard": name,
        "split": split,
        "spec": spec,
        "size": tar.stat().st_size,
        "sha256": sha256,
        **content,
    }
    data = json.dumps(fields, separators=(",", ":")).encode()
    with atomic_file(folder / f"{name}.index.json") as stream:
        stream.write(data)
    return ShardRecord.of_index(data)


def finished_shard(folder: Path, name: str, spec: str) -> ShardRecord | None:
    """The record of a shard that is complete and undamaged, or None when it must be written.

    Raises:
        ValueError: it was made with another ``spec``.
    """
    index, tar = folder / f"{name}.index.json", folder / f"{name}.tar"
    if not index.exists() or not tar.exists():
        return None
    data = index.read_bytes()
    try:
        fields = json.loads(data)
        record = ShardRecord.of_index(data)
    except (ValueError, KeyError, TypeError):
        return None  # a damaged index: the shard is written again
    if fields["spec"] != spec:
        raise ValueError(
            f"{folder} holds shard '{name}' made with other settings; choose another folder or "
            "delete this one."
        )
    if tar.stat().st_size != record.size:
        return None
    with tar.open("rb") as stream:
        intact = hashlib.file_digest(stream, "sha256").hexdigest() == record.sha256
    return record if intact else None


def _write_tar(stream: BinaryIO, samples: Iterable[EncodedSample | Reject]) -> dict[str, Any]:
    """The tar's members in order; returns what the index says of them."""
    places: dict[str, dict[str, tuple[int, int, int]]] = {}
    rejects: list[tuple[str, str]] = []
    counts = {"without_objects": 0, "with_counterfactuals": 0, "rejected": 0}
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
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
