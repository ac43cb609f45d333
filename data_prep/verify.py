"""``python -m data_prep verify``: every byte of a data set, and what its labels look like."""

from __future__ import annotations

import hashlib
import math

from rich.console import Console
from rich.table import Table

from jepakit.data.schema import BadSample
from jepakit.data.shard_reader import ShardReader


def verify(data: str) -> None:
    """Check shards against the manifest, decode every clip, and show the labels.

    Args:
        data: folder or remote prefix of the data set.
    """
    reader = ShardReader(data)
    changed = _changed_shards(reader)
    values: dict[str, list[float]] = {n: [] for n in reader.manifest.description.label_kinds}
    bad = []
    for number in range(len(reader)):
        try:
            with reader.open(number) as stored:
                sample = stored.whole()
        except BadSample as error:
            bad.append(str(error))
            continue
        for name in values:
            values[name].append(sample.meta["labels"].get(name, math.nan))
    Console().print(_label_table(reader, values))
    if changed or bad:
        listed = "\n  ".join([*changed, *bad])
        raise ValueError(
            f"{len(bad)} of {len(reader)} clips are damaged; run the command that wrote them again "
            f"to replace their shards:\n  {listed}"
        )
    Console().print(f"{len(reader)} clips in {len(reader.shards)} shards are intact.")


def _changed_shards(reader: ShardReader) -> list[str]:
    changed = []
    for shard in reader.shards:
        path = reader.storage.local(f"{shard.name}.tar", shard.size, shard.sha256)
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != shard.sha256:
                changed.append(f"{shard.name}.tar: checksum differs from the manifest")
    return changed


def _label_table(reader: ShardReader, values: dict[str, list[float]]) -> Table:
    table = Table(title="labels", title_justify="left")
    for column in ("label", "kind", "defined", "mean", "least", "most"):
        table.add_column(column, justify="right" if column not in ("label", "kind") else "left")
    for name, kind in reader.manifest.description.label_kinds.items():
        known = [value for value in values[name] if not math.isnan(value)]
        if known:
            figures = (sum(known) / len(known), min(known), max(known))
            table.add_row(name, kind, str(len(known)), *(f"{figure:.3f}" for figure in figures))
        else:
            table.add_row(name, kind, "0", "", "", "")
    return table
