"""The task that every engine runs: make one shard."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from data_prep.item import Item, make_clips
from jepakit.data.manifest import Description
from jepakit.data.members import EncodedSample
from jepakit.data.shard_target import ShardTarget
from jepakit.data.shard_writer import Reject, write_shard

KILLED = "killed its worker process twice"


@dataclass(frozen=True)
class Shard:
    """The items of one shard."""

    name: str
    split: str
    items: Sequence[Item]

    @property
    def item_names(self) -> list[str]:
        """In order."""
        return [item.name for item in self.items]


class Watch(Protocol):
    """Is told how far a shard is."""

    def begin(self, item: int) -> None:
        """Work on this item of the shard begins."""

    def add_clip(self) -> None:
        """One more clip is made."""

    def end(self) -> None:
        """The item is done."""

    def keep(self, items: int) -> None:
        """The shard, of so many items, was finished by an earlier run."""


@dataclass(frozen=True)
class ShardTask:
    """How any shard of a data set is made; travels to worker processes.

    Attributes:
        target: where shards are written.
        description: of the data set.
        root: where the inputs lie on this machine; see :func:`data_prep.item.make_clips`.
    """

    target: ShardTarget
    description: Description
    root: str = ""

    def spec(self, shard: Shard) -> str:
        """What determines the shard's bytes, as a hash."""
        return self.description.digest(shard.name, shard.item_names)

    def make(self, shard: Shard, watch: Watch, killers: Collection[int] = ()) -> None:
        """Write the shard unless it is finished.

        Args:
            shard: the items.
            watch: is told of each item before its work begins.
            killers: numbers of items that are not tried any more, because worker processes died of
                them.
        """
        begun = False

        def clips() -> Iterator[EncodedSample | Reject]:
            nonlocal begun
            begun = True
            for number, item in enumerate(shard.items):
                watch.begin(number)
                if number in killers:
                    yield Reject(item.name, KILLED)
                else:
                    for clip in make_clips(item, self.description.form, root=self.root):
                        if isinstance(clip, EncodedSample):
                            watch.add_clip()
                        yield clip
                watch.end()

        write_shard(self.target, shard.name, clips(), split=shard.split, spec=self.spec(shard))
        if not begun:
            watch.keep(len(shard.items))


def cut_shards(items: Mapping[str, Sequence[Item]], size: int) -> list[Shard]:
    """The shards of a data set, which do not depend on who makes them.

    Args:
        items: by split.
        size: items per shard.
    """
    return [
        Shard(f"{split}-{number:06d}", split, members[start : start + size])
        for split, members in items.items()
        for number, start in enumerate(range(0, len(members), size))
    ]
