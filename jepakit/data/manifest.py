"""``manifest.json``: what a data set consists of, merged from the records of its shards."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from jepakit.actions import ActionSpace
from jepakit.data.schema import SCHEMA, ClipFormat
from jepakit.data.shard_index import ShardIndex, ShardRecord
from jepakit.data.shard_target import ShardTarget, open_target

MANIFEST = "manifest.json"
LabelKind = Literal["binary", "regression"]


@dataclass(frozen=True)
class Description:
    """What the makers of a data set state about all of it.

    Attributes:
        source: where the clips come from.
        generator: program and version that made them.
        licences: of the clips.
        form: shape and coding shared by all clips.
        label_kinds: the labels of ``meta["labels"]`` and what each is.
        mirrored: labels in [0, 1] that become ``1 - value`` when a clip is flipped left to right;
            all others are taken to stay as they are.
        settings: further arguments of the generator, for the record.
        actions: what the numbers of the member ``actions`` mean, in episodes of an agent.
        proprio: where the agent's own state stands in the member ``states``: its row, and the
            columns that ``actions.state_names`` names.
    """

    source: str
    generator: str
    licences: tuple[str, ...]
    form: ClipFormat
    label_kinds: dict[str, LabelKind] = field(default_factory=dict)
    mirrored: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    actions: ActionSpace | None = None
    proprio: tuple[int, tuple[int, ...]] | None = None

    def __post_init__(self) -> None:
        """Refuse an agent's state that does not fit its action space."""
        named = self.actions.states if self.actions else 0
        if self.proprio is not None and len(self.proprio[1]) != named:
            raise ValueError(
                f"proprio {self.proprio} must name one column of the states for each of the "
                f"{named} state names of the action space."
            )

    def to_json(self) -> dict[str, Any]:
        """As stored in the manifest; what only episodes of an agent have is left out elsewhere."""
        fields = asdict(self)
        del fields["actions"], fields["proprio"]
        if self.actions is not None:
            fields["actions"] = self.actions.to_json()
        if self.proprio is not None:
            fields["proprio"] = {"row": self.proprio[0], "columns": list(self.proprio[1])}
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Description:
        """From the manifest, whose other fields are ignored."""
        actions, proprio = fields.get("actions"), fields.get("proprio")
        return cls(
            source=fields["source"],
            generator=fields["generator"],
            licences=tuple(fields["licences"]),
            form=ClipFormat.from_json(fields["form"]),
            label_kinds=fields["label_kinds"],
            mirrored=tuple(fields["mirrored"]),
            settings=fields["settings"],
            actions=None if actions is None else ActionSpace.from_json(actions),
            proprio=None if proprio is None else (proprio["row"], tuple(proprio["columns"])),
        )

    def digest(self, *parts: Any) -> str:
        """Hash of the description and of ``parts`` (JSON values), to recognise finished shards."""
        return _hash([self.to_json(), *parts])


@dataclass(frozen=True)
class Manifest:
    """Shards and splits of a data set."""

    description: Description
    shards: tuple[ShardRecord, ...]

    @property
    def splits(self) -> dict[str, list[str]]:
        """Shard names by split, in order."""
        names: dict[str, list[str]] = {}
        for shard in self.shards:
            names.setdefault(shard.split, []).append(shard.name)
        return names

    @property
    def fingerprint(self) -> str:
        """Changes whenever a byte of any shard or the meaning of a label changes."""
        return _hash(self._body())

    def of_split(self, split: str | None) -> tuple[ShardRecord, ...]:
        """Shards of one split, or all.

        Raises:
            ValueError: there is no such split, or it has no samples.
        """
        if split is not None and split not in self.splits:
            raise ValueError(f"No split '{split}'; the data set has {sorted(self.splits)}.")
        shards = tuple(s for s in self.shards if split is None or s.split == split)
        if not sum(shard.samples for shard in shards):
            raise ValueError(f"Split '{split or 'all'}' has no samples.")
        return shards

    def _body(self) -> dict[str, Any]:
        counts: Counter[str] = Counter()
        for shard in self.shards:
            counts.update({"samples": shard.samples, "bytes": shard.size, **shard.counts})
        description = {**self.description.to_json(), "grid": self.description.form.grid}
        shards = [asdict(shard) for shard in self.shards]
        return {
            "schema": SCHEMA,
            **description,
            "counts": dict(sorted(counts.items())),
            "splits": self.splits,
            "shards": shards,
        }

    def to_bytes(self) -> bytes:
        """The file."""
        return json.dumps({**self._body(), "fingerprint": self.fingerprint}, indent=1).encode()

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """From the bytes of the file.

        Raises:
            ValueError: damaged, edited, or not schema version 1.
        """
        fields = json.loads(data)
        if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
            came = fields.get("schema") if isinstance(fields, dict) else type(fields).__name__
            raise ValueError(f"Manifest of schema version {SCHEMA} expected, came {came!r}.")
        stated = fields.pop("fingerprint", None)
        if _hash(fields) != stated:
            raise ValueError("The manifest does not match its own fingerprint: damaged or edited.")
        return cls(
            Description.from_json(fields),
            tuple(ShardRecord(**shard) for shard in fields["shards"]),
        )


def merge_manifest(
    place: str | Path | ShardTarget, description: Description, shards: Iterable[str]
) -> Manifest:
    """Write the manifest of a data set from the indices of its finished shards.

    Raises:
        ValueError: a shard has no index yet, or a key appears twice in the data set.
    """
    target = open_target(place)
    records = []
    owner: dict[str, str] = {}
    for name, data in read_indices(target, shards):
        index = ShardIndex.parse(data)
        for key in map(index.key, range(len(index))):
            if owner.setdefault(key, name) != name:
                raise ValueError(f"Key '{key}' appears in shards '{owner[key]}' and '{name}'.")
        records.append(ShardRecord.of_index(data))
    manifest = Manifest(description, tuple(records))
    with target.writing(MANIFEST) as stream:
        stream.write(manifest.to_bytes())
    return manifest


def read_indices(
    place: str | Path | ShardTarget, shards: Iterable[str]
) -> Iterator[tuple[str, bytes]]:
    """Name and index file of each shard, in order; several are fetched at a time.

    Raises:
        ValueError: a shard has no index yet.
    """
    target, names = open_target(place), list(shards)
    with ThreadPoolExecutor(16) as pool:
        for start in range(0, len(names), 64):  # a few at a time: an index takes up to megabytes
            part = names[start : start + 64]
            found = pool.map(target.read, [f"{name}.index.json" for name in part])
            for name, data in zip(part, found, strict=True):
                if data is None:
                    raise ValueError(f"Shard '{name}' is not finished in {target}; write it first.")
                yield name, data


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
