"""Turns items into shards on one or many machines; stop it at any time and run it again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from data_prep.engines.in_process import make_here
from data_prep.engines.pool import make_in_pool
from data_prep.item import Item
from data_prep.progress import ClipProgress
from data_prep.shard_task import Shard, ShardTask, cut_shards
from jepakit.data.manifest import MANIFEST, Description, Manifest, merge_manifest, read_indices
from jepakit.data.shard_target import ShardTarget, open_target
from jepakit.data.shard_writer import finished_shard

REJECTS = "rejects.json"
_STALE_S = 3600.0  # seconds after which a file that another part of the job began is dead


@dataclass(frozen=True)
class Job:
    """How shards are made. Nothing here changes a byte of them but ``shard_items``.

    Args:
        workers: processes; 1 works in this one, which a crash in native code then ends. With ray,
            tasks at a time over the cluster.
        shard_items: inputs per shard.
        engine: processes of this machine, or Ray Data (`pip install 'jepakit[cluster]'`) on the
            cluster of RAY_ADDRESS or, without one, on this machine.
        shards: make one part of the shards, as in 3:16 for part 3 of the 16 parts 0 to 15; in a
            Slurm array, $SLURM_ARRAY_TASK_ID:$SLURM_ARRAY_TASK_COUNT. Whichever part finds all
            shards finished writes the manifest.
        cpus: processors that ray reserves for each task.
        gpus: GPUs that ray reserves for each task; 0.5 lets two share one.
    """

    workers: int = 1
    shard_items: int = 128
    engine: Literal["local", "ray"] = "local"
    shards: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        """Refuse counts below 1 and a part that does not exist."""
        if min(self.workers, self.shard_items) < 1 or min(self.cpus, self.gpus) < 0:
            raise ValueError(
                "Need workers and shard_items of at least 1, cpus and gpus of 0 or more; got "
                f"{self}."
            )
        assert self.part

    @property
    def part(self) -> tuple[int, int]:
        """Number of this part, from 0, and how many there are.

        Raises:
            ValueError: ``shards`` is not of the form ``3:16``, or there is no such part.
        """
        first, _, second = (self.shards or "0:1").partition(":")
        if not (first.isdecimal() and second.isdecimal() and int(first) < int(second)):
            raise ValueError(
                f"shards must be PART:PARTS, with parts counted from 0 as in 0:16 to 15:16; got "
                f"{self.shards!r}."
            )
        return int(first), int(second)


JOB = Job()  # as it is by default


def split_counts(clips: int, val_clips: int | None, test_clips: int) -> dict[str, int]:
    """Clips per split that has any; a fifth of the training clips for validation if not said.

    Raises:
        ValueError: a negative count, or no clips at all.
    """
    val = clips // 5 if val_clips is None else val_clips
    counts = {"train": clips, "val": val, "test": test_clips}
    if min(counts.values()) < 0 or not any(counts.values()):
        raise ValueError(f"Clips per split must be 0 or more, and not all 0; got {counts}.")
    return {split: count for split, count in counts.items() if count}


def run_job(
    out: str | Path | ShardTarget,
    description: Description,
    items: Mapping[str, Sequence[Item]],
    job: Job = Job(),
    *,
    root: str = "",
) -> Manifest | None:
    """Write all shards that are not finished yet, then the list of rejects and the manifest.

    Args:
        out: folder of the data set, or a prefix such as ``s3://bucket/name``.
        description: what holds for all clips.
        items: by split.
        job: how.
        root: where the inputs lie on this machine, which the reasons of rejects do not repeat.

    Returns:
        The manifest, or None where other parts of the job are not finished.

    Raises:
        ValueError: another data set in the folder, or no item gave a clip.
        RuntimeError: worker processes die again and again.
    """
    task = ShardTask(open_target(out), description, root)
    shards = cut_shards(items, job.shard_items)
    _refuse_others(task, shards)
    part, parts = job.part
    _make(task, shards[part::parts], job)
    if parts > 1 and (missing := _unfinished(task, shards)):
        text = f"Part {part} of {parts} is done. {missing} of {len(shards)} shards are missing yet:"
        Console().print(f"{text} a part that finds them all, also if run again, adds the manifest.")
        return None
    return _commit(task, shards, stale_s=_STALE_S if parts > 1 else 0.0)


def _refuse_others(task: ShardTask, shards: Sequence[Shard]) -> None:
    """Leave a data set alone whose manifest, or some of whose shards, this job would hide."""
    present = task.target.names()
    ours = {f"{shard.name}.index.json" for shard in shards}
    other = sorted(name for name in present - ours if name.endswith(".index.json"))
    if MANIFEST in present and not other:
        data = task.target.read(MANIFEST)
        with contextlib.suppress(ValueError):  # a damaged one is written anew
            if data and Manifest.parse(data).description.digest() != task.description.digest():
                other = [MANIFEST]
    if other:
        raise ValueError(
            f"{task.target} holds {other[0]}, made with other settings or of other inputs; choose "
            "another folder or delete this one."
        )


def _make(task: ShardTask, shards: Sequence[Shard], job: Job) -> None:
    with ClipProgress(sum(len(shard.items) for shard in shards)) as progress:
        if job.engine == "ray":
            from data_prep.engines.ray_data import make_on_ray

            make_on_ray(
                task,
                shards,
                workers=job.workers,
                cpus=job.cpus,
                gpus=job.gpus,
                progress=progress,
            )
        elif job.workers == 1:
            make_here(task, shards, progress=progress)
        else:
            make_in_pool(task, shards, workers=job.workers, progress=progress)


def _unfinished(task: ShardTask, shards: Sequence[Shard]) -> int:
    """How many shards are missing, of all parts; those that are there must be of this job."""
    present = task.target.names()
    missing = sum(f"{shard.name}.index.json" not in present for shard in shards)
    if missing:
        return missing

    def is_missing(shard: Shard) -> bool:
        return finished_shard(task.target, shard.name, task.spec(shard), checksum=False) is None

    with ThreadPoolExecutor(16) as pool:  # a store takes its time for each answer
        return sum(pool.map(is_missing, shards))


def _commit(task: ShardTask, shards: Sequence[Shard], *, stale_s: float) -> Manifest:
    names = [shard.name for shard in shards]
    rejects = [
        {"shard": name, "item": item, "reason": reason}
        for name, data in read_indices(task.target, names)
        for item, reason in json.loads(data)["rejects"]
    ]
    for name in (MANIFEST, REJECTS):
        task.target.clear(name, older_s=stale_s)
    with task.target.writing(REJECTS) as stream:
        stream.write(json.dumps(rejects, indent=1).encode())
    manifest = merge_manifest(task.target, task.description, names)
    empty = [
        split
        for split in dict.fromkeys(shard.split for shard in shards)
        if not sum(shard.samples for shard in manifest.shards if shard.split == split)
    ]
    if len(empty) == len(manifest.splits):
        raise ValueError(f"No input gave a clip. First rejects: {rejects[:3]}.")
    if empty:
        first = next(r["reason"] for r in rejects if r["shard"].startswith(f"{empty[0]}-"))
        told = f"Split {', '.join(empty)} has no clip: all its inputs are in {REJECTS}; {first}"
        Console(soft_wrap=True).print(told, markup=False)
    return manifest
