"""Makes shards one after the other in this process."""

from __future__ import annotations

from collections.abc import Sequence

from data_prep.engines.tally import Tally
from data_prep.progress import ClipProgress
from data_prep.shard_task import Shard, ShardTask


def make_here(task: ShardTask, shards: Sequence[Shard], *, progress: ClipProgress) -> None:
    """Make all shards; a crash in native code ends the job, as there is nobody to see it."""
    tally = Tally()
    progress.follow([tally])
    for shard in shards:
        task.make(shard, tally)
