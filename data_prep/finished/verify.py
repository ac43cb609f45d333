"""``python -m data_prep verify``: every byte of a data set, and what its labels look like."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from data_prep.finished.clip_bar import clip_bar
from data_prep.finished.clip_facts import splits_of
from data_prep.finished.clip_tables import label_table
from jepakit.data.manifest import MANIFEST
from jepakit.data.schema import BadSample
from jepakit.data.shard_reader import ShardReader
from jepakit.data.shard_target import open_target


def verify(data: str) -> None:
    """Check shards against the manifest, decode every clip, and show the labels.

    Args:
        data: folder or remote prefix of the data set.
    """
    reader = ShardReader(data)
    splits = splits_of(reader)
    faults, strangers = _changed_shards(reader), _unknown_files(reader)
    labels: list[Mapping[str, float]] = []
    homes: dict[Any, set[str]] = {}
    bad = []
    with clip_bar(len(reader), "Reading clips") as show:
        for number in range(len(reader)):
            try:
                with reader.open(number) as stored:
                    meta = stored.whole().meta
                labels.append(meta["labels"])
                homes.setdefault(str(meta["details"].get("group")), set()).add(splits[number])
            except BadSample as error:
                bad.append(str(error))
            show(number + 1)
    console = Console(soft_wrap=True, highlight=False)
    kinds = reader.manifest.description.label_kinds
    if kinds:
        console.print(label_table(kinds, labels))
    shared = sorted(group for group, found in homes.items() if len(found) > 1 and group != "None")
    if shared:
        console.print(
            f"Note: groups with clips in more than one split: {len(shared)}, such as '{shared[0]}';"
            " python -m data_prep split deals whole groups.",
            markup=False,
        )
    if faults or bad or strangers:
        raise ValueError("\n".join(_told(faults + bad, len(bad), len(reader), strangers)))
    console.print(f"{len(reader)} clips in {len(reader.shards)} shards are intact.")


def _told(damage: Sequence[str], bad: int, clips: int, strangers: Sequence[str]) -> Iterator[str]:
    """Lines that say what is wrong, and what to do."""
    if damage:
        yield (
            f"{bad} of {clips} clips cannot be read; run the command that wrote them again to "
            "replace damaged shards:"
        )
        yield from (f"  {line}" for line in damage)
    if strangers:
        yield (
            f"Not in {MANIFEST}: left by a job that did not come to its end, or foreign. Once no "
            "job is at work here, remove them:"
        )
        yield from (f"  {name}" for name in strangers)


def _changed_shards(reader: ShardReader) -> list[str]:
    changed = []
    for shard in reader.shards:
        path = reader.storage.local(f"{shard.name}.tar", shard.size, shard.sha256)
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != shard.sha256:
                changed.append(f"{shard.name}.tar: checksum differs from the manifest")
    return changed


def _unknown_files(reader: ShardReader) -> list[str]:
    """What writers left that the manifest does not know: of a job that did not come to its end."""
    if reader.path.startswith("https:"):
        return []  # cannot be listed
    known = {f"{s.name}{end}" for s in reader.manifest.shards for end in (".tar", ".index.json")}
    ours = (".tar", ".index.json", ".tmp")
    found = open_target(reader.path).names()
    return sorted(name for name in found if name.endswith(ours) and name not in known)
