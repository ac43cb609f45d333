"""``python -m data_prep split``: deals the clips of a data set anew to train, val and test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from data_prep.finished.clip_bar import clip_bar
from data_prep.finished.rewriting import Damaged, ShardCopy, StoredClip, remedy, write_copies
from data_prep.summary import show_summary
from jepakit.data.schema import BadSample
from jepakit.data.shard_reader import ShardReader

SPLITS = ("train", "val", "test")


def split(
    data: str,
    out: str,
    *,
    val_share: float = 0.1,
    test_share: float = 0.0,
    by: str = "group",
    seed: int = 0,
    shard_clips: int = 128,
    damaged: Damaged = "stop",
) -> None:
    """Deal all clips anew to train, val and test, whole groups each; clips are copied as they are.

    Which groups are held out follows from their names and the seed. A split that was stopped
    continues.

    Args:
        data: folder or remote prefix of a finished data set.
        out: folder or remote prefix of the new one.
        val_share: share of the groups held out for validation.
        test_share: share of the groups held out for test.
        by: field of a clip's details that names its group, or key: every clip for itself.
        seed: another one holds out other groups.
        shard_clips: clips per shard.
        damaged: stop at a damaged clip, or leave it out and list it in rejects.json.
    """
    if shard_clips < 1:
        raise ValueError(f"shard_clips must be at least 1, got {shard_clips}.")
    reader = ShardReader(data)
    groups, lost = _groups(reader, by, damaged)
    dealt = deal(list(groups), val_share=val_share, test_share=test_share, seed=seed)
    told = reader.manifest.description
    dealing = {"by": by, "val_share": val_share, "test_share": test_share, "seed": seed}
    origin = {"settings": told.settings, "fingerprint": reader.manifest.fingerprint}
    description = replace(told, settings={"split": dealing | {"clips": shard_clips}, **origin})
    shards = []
    for name in SPLITS:
        numbers = sorted(n for group, of in groups.items() if dealt[group] == name for n in of)
        numbers += lost if name == "train" else []
        for place, start in enumerate(range(0, len(numbers), shard_clips)):
            clips = [StoredClip(reader, n) for n in numbers[start : start + shard_clips]]
            shards.append(ShardCopy(f"{name}-{place:06d}", name, clips))
    manifest = write_copies(out, description, shards, damaged=damaged)
    show_summary(out, manifest)


def deal(
    groups: Sequence[str], *, val_share: float, test_share: float = 0.0, seed: int = 0
) -> Mapping[str, str]:
    """The split of every group: they are ranked by a hash of seed and name, val takes the first.

    A share above 0 gets at least one group.

    Raises:
        ValueError: shares that leave nothing for training, or too few groups.
    """
    if min(val_share, test_share) < 0 or val_share + test_share >= 1:
        raise ValueError(
            "val_share and test_share must be 0 or more and leave some for training; got "
            f"{val_share} and {test_share}."
        )
    val, test = (
        max(round(share * len(groups)), int(share > 0)) for share in (val_share, test_share)
    )
    if val + test >= len(groups):
        raise ValueError(f"{len(groups)} groups are too few for {val} in val and {test} in test.")
    ranked = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    held = dict.fromkeys(ranked[:val], "val") | dict.fromkeys(ranked[val : val + test], "test")
    return {group: held.get(group, "train") for group in groups}


def _groups(
    reader: ShardReader, by: str, damaged: Damaged
) -> tuple[dict[str, list[int]], list[int]]:
    """Numbers of the clips of each group, and of those whose metadata is damaged."""
    groups: dict[str, list[int]] = {}
    lost: list[int] = []
    with clip_bar(len(reader), "Reading groups") as show:
        for number in range(len(reader)):
            try:
                groups.setdefault(_group(reader, number, by), []).append(number)
            except BadSample as error:
                if damaged == "stop":
                    raise ValueError(f"{error}. {remedy(reader)}") from error
                lost.append(number)
            show(number + 1)
    return groups, lost


def _group(reader: ShardReader, number: int, by: str) -> str:
    if by == "key":
        return reader.key(number)
    with reader.open(number) as stored:
        details = stored.meta["details"]
    if by not in details:
        raise ValueError(
            f"Clip '{stored.key}' has no '{by}' among its details {sorted(details)}; --by key "
            "deals every clip for itself."
        )
    return str(details[by])
