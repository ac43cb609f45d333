"""Copies clips of finished data sets into another one, byte for byte and checked on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data_prep.finished.clip_bar import clip_bar
from data_prep.job import REJECTS
from jepakit.data.manifest import MANIFEST, Description, Manifest, merge_manifest, read_indices
from jepakit.data.members import EncodedSample
from jepakit.data.metadata import encode_meta
from jepakit.data.schema import KEY, BadSample
from jepakit.data.shard_reader import ShardReader
from jepakit.data.shard_target import ShardTarget, open_target
from jepakit.data.shard_writer import Reject, write_shard

Damaged = Literal["stop", "reject"]


@dataclass(frozen=True)
class StoredClip:
    """A clip of a finished data set.

    Attributes:
        reader: of the data set.
        number: of the clip in it.
        prefix: put in front of its key and of the name of its group.
    """

    reader: ShardReader
    number: int
    prefix: str = ""

    @property
    def key(self) -> str:
        """The name that the copy has.

        Raises:
            ValueError: a prefix made it too long.
        """
        old = self.reader.key(self.number)
        key = f"{self.prefix}_{old}" if self.prefix else old
        if not KEY.fullmatch(key):
            raise ValueError(
                f"With its prefix, key '{key}' has {len(key)} characters; 80 is the most. Give the "
                "folder of its data set a shorter name."
            )
        return key

    def copy(self) -> EncodedSample:
        """Its members as they are stored; with a prefix the metadata is written anew.

        Raises:
            BadSample: any member is damaged.
        """
        with self.reader.open(self.number) as stored:
            members, meta = stored.members(), stored.meta
        if self.prefix:
            fields = json.loads(members["json"])
            fields["key"] = self.key
            if "group" in fields["details"]:
                fields["details"]["group"] = f"{self.prefix}/{fields['details']['group']}"
            members["json"] = encode_meta(fields, self.key, self.reader.form)
        removed = len(meta["counterfactuals"])
        return EncodedSample(self.key, members, len(meta["objects"]), removed)


@dataclass(frozen=True)
class ShardCopy:
    """A shard to be written.

    Attributes:
        name: of the shard.
        split: that it belongs to.
        clips: in order.
        rejects: items that became no clip when the data set was made.
    """

    name: str
    split: str
    clips: Sequence[StoredClip]
    rejects: Sequence[Reject] = ()


def write_copies(
    out: str,
    description: Description,
    shards: Sequence[ShardCopy],
    *,
    damaged: Damaged = "stop",
) -> Manifest:
    """Write all shards that are not finished yet, the list of rejects, and then the manifest.

    Args:
        out: folder or remote prefix of the new data set.
        description: of it; its settings must tell which data sets the clips come from.
        shards: to be written.
        damaged: stop at a damaged clip, or leave it out and list it in ``rejects.json``.

    Raises:
        ValueError: ``out`` holds a data set already, its own or another one, or a clip is damaged.
    """
    target = open_target(out)
    _check_out(target, description, [shard.clips[0].reader for shard in shards if shard.clips])
    with clip_bar(sum(len(shard.clips) for shard in shards), "Copying clips") as show:
        done = 0
        for shard in shards:
            spec = description.digest(shard.name, [clip.key for clip in shard.clips])
            clips = _copies(shard, damaged, show, done)
            write_shard(target, shard.name, clips, split=shard.split, spec=spec)
            done += len(shard.clips)
            show(done)
    names = [shard.name for shard in shards]
    rejects = [
        {"shard": name, "item": item, "reason": reason}
        for name, data in read_indices(target, names)
        for item, reason in json.loads(data)["rejects"]
    ]
    for name in (REJECTS, MANIFEST):
        target.clear(name)
    with target.writing(REJECTS) as stream:
        stream.write(json.dumps(rejects, indent=1).encode())
    return merge_manifest(target, description, names)


def remedy(reader: ShardReader) -> str:
    """What to do about a damaged clip."""
    return (
        f"python -m data_prep verify {reader.path} lists all damage; --damaged reject leaves "
        "damaged clips out and lists them in rejects.json."
    )


def rejects_of(reader: ShardReader, shard: str) -> list[Reject]:
    """Items that became no clip when a shard was made."""
    fields = json.loads(reader.storage.small(f"{shard}.index.json"))
    return [Reject(item, reason) for item, reason in fields["rejects"]]


def _copies(
    shard: ShardCopy, damaged: Damaged, show: Callable[[int], None], done: int
) -> Iterator[EncodedSample | Reject]:
    yield from shard.rejects
    for copied, clip in enumerate(shard.clips, done + 1):
        try:
            yield clip.copy()
        except BadSample as error:
            if damaged == "stop":
                raise ValueError(f"{error}. {remedy(clip.reader)}") from error
            yield Reject(clip.key, str(error))
        show(copied)


def _check_out(
    target: ShardTarget, description: Description, readers: Sequence[ShardReader]
) -> None:
    """Refuse to overwrite a data set that was read, or that something else made."""
    for path in {reader.path for reader in readers}:
        if _place(path) == _place(str(target)):
            raise ValueError(f"{path} is read; write into another folder.")
    data = target.read(MANIFEST)
    if data and Manifest.parse(data).description.digest() != description.digest():
        raise ValueError(f"{target} holds another data set; choose another folder.")


def _place(address: str) -> str:
    return address.rstrip("/") if "://" in address else str(Path(address).resolve())
