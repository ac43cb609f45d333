"""``python -m data_prep merge``: several data sets of one format become one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from data_prep.finished.rewriting import Damaged, ShardCopy, StoredClip, rejects_of, write_copies
from data_prep.summary import show_summary
from jepakit.data.manifest import Description, LabelKind
from jepakit.data.shard_reader import ShardReader

T = TypeVar("T")


def merge(out: str, inputs: list[str], *, prefix: bool = False, damaged: Damaged = "stop") -> None:
    """Make one data set of several whose clips have one format; splits stay as they are.

    Clips are copied byte for byte, shard by shard. A merge that was stopped continues.

    Args:
        out: folder or remote prefix of the new data set.
        inputs: folders or remote prefixes of finished ones.
        prefix: put the name of its data set in front of each key and group, where these are not
            unique.
        damaged: stop at a damaged clip, or leave it out and list it in rejects.json.
    """
    if len(set(inputs)) < len(inputs):
        raise ValueError(f"A data set is named twice: {inputs}.")
    prefixes = _names(inputs) if prefix else [""] * len(inputs)
    readers = [ShardReader(path) for path in inputs]
    description = merged_description(dict(zip(inputs, readers, strict=True)), prefix=prefix)
    shards = list(_shards(readers, prefixes))
    _check_keys(shards)
    manifest = write_copies(out, description, shards, damaged=damaged)
    show_summary(out, manifest)


def merged_description(readers: Mapping[str, ShardReader], *, prefix: bool = False) -> Description:
    """What holds for all clips of several data sets.

    Args:
        readers: by the path of the data set.
        prefix: whether keys get one, for the record.

    Raises:
        ValueError: formats, actions, or the meaning of a label differ; says where and how.
    """
    told = {path: reader.manifest.description for path, reader in readers.items()}
    first = next(iter(told.values()))
    for name in (field.name for field in fields(first.form)):
        _same(f"the clip format's '{name}'", {p: getattr(d.form, name) for p, d in told.items()})
    _same("the action space", {path: one.actions for path, one in told.items()})
    _same("the place of the agent's own state", {path: one.proprio for path, one in told.items()})
    kinds: dict[str, LabelKind] = {}
    for label in dict.fromkeys(label for one in told.values() for label in one.label_kinds):
        known = {path: one for path, one in told.items() if label in one.label_kinds}
        _same(f"the kind of label '{label}'", {p: d.label_kinds[label] for p, d in known.items()})
        _same(
            f"the mirroring of label '{label}'", {p: label in d.mirrored for p, d in known.items()}
        )
        kinds[label] = next(iter(known.values())).label_kinds[label]
    origins = [
        {
            "name": _name(path),
            "source": one.source,
            "generator": one.generator,
            "settings": one.settings,
            "fingerprint": readers[path].manifest.fingerprint,
        }
        for path, one in told.items()
    ]
    return Description(
        source=" + ".join(dict.fromkeys(one.source for one in told.values())),
        generator=" + ".join(dict.fromkeys(one.generator for one in told.values())),
        licences=tuple(dict.fromkeys(name for one in told.values() for name in one.licences)),
        form=first.form,
        label_kinds=kinds,
        mirrored=tuple(dict.fromkeys(name for one in told.values() for name in one.mirrored)),
        settings={"merged": origins, "prefix": prefix},
        actions=first.actions,
        proprio=first.proprio,
    )


def _same(what: str, values: Mapping[str, Any]) -> None:
    """Refuse values that differ."""
    (path, value), *others = values.items()
    for other, came in others:
        if came != value:
            raise ValueError(
                f"Cannot merge: {what} is {value!r} in {path}, but {came!r} in {other}."
            )


def _shards(readers: Sequence[ShardReader], prefixes: Sequence[str]) -> Iterator[ShardCopy]:
    """One for each shard of each data set, numbered anew by split."""
    numbers: dict[str, Iterator[int]] = {}
    for reader, prefix in zip(readers, prefixes, strict=True):
        first = 0
        for shard in reader.manifest.shards:
            number = next(numbers.setdefault(shard.split, count()))
            rows = range(first, first + shard.samples)
            clips = [StoredClip(reader, row, prefix) for row in rows]
            rejects = rejects_of(reader, shard.name)
            yield ShardCopy(f"{shard.split}-{number:06d}", shard.split, clips, rejects)
            first += shard.samples


def _check_keys(shards: Sequence[ShardCopy]) -> None:
    owner: dict[str, str] = {}
    twice = []
    for clip in (clip for shard in shards for clip in shard.clips):
        key, path = clip.key, clip.reader.path
        if owner.setdefault(key, path) != path:
            twice.append((key, owner[key], path))
    if twice:
        key, one, other = twice[0]
        raise ValueError(
            f"{len(twice)} keys are not unique, such as '{key}' in {one} and in {other}: give "
            "--prefix, which puts the name of its data set in front of each key and group."
        )


def _names(inputs: Sequence[str]) -> list[str]:
    names = [_name(path) for path in inputs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"With --prefix, folders need different names; {twice} appear twice.")
    return names


def _name(path: str) -> str:
    """Last part of a path, as keys may begin."""
    last = path.rstrip("/").rpartition("/")[2] if "://" in path else Path(path).resolve().name
    return re.sub(r"[^a-z0-9-]+", "-", last.lower()).strip("-") or "data"
