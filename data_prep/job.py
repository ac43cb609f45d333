"""Turns items into shards with several processes; stop it at any time and run it again."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from data_prep.progress import ClipProgress
from jepakit.data.atomic import atomic_file, remove_leftovers
from jepakit.data.manifest import MANIFEST, Description, Manifest, merge_manifest
from jepakit.data.members import EncodedSample, encode_sample
from jepakit.data.schema import ClipFormat, Sample
from jepakit.data.shard_writer import Reject, write_shard

# What broken input may raise while it is simulated or encoded. Everything else is a fault of the
# program and stops the job.
POISON = (ValueError, ArithmeticError, LookupError, AssertionError, RuntimeError)
REJECTS = "rejects.json"


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


class Item(Protocol):
    """One clip to be made. Items travel to worker processes."""

    @property
    def name(self) -> str:
        """Says which, and with the description of the data set determines every byte."""

    def make(self, form: ClipFormat) -> Sample:
        """The clip."""


@dataclass(frozen=True)
class Shard:
    """The items of one shard."""

    name: str
    split: str
    items: Sequence[Item]


def run_job(
    folder: Path,
    description: Description,
    items: Mapping[str, Sequence[Item]],
    *,
    shard_clips: int,
    workers: int,
) -> Manifest:
    """Write all shards that are not finished yet, then the manifest and the list of rejects.

    Args:
        folder: of the data set.
        description: what holds for all clips.
        items: by split.
        shard_clips: items per shard.
        workers: processes; 1 works in this one.

    Raises:
        ValueError: wrong counts, another data set in the folder, or a split where no item gave a
            clip.
        RuntimeError: a worker process died.
    """
    if shard_clips < 1 or workers < 1:
        raise ValueError(
            f"Need shard_clips and workers of at least 1, got {shard_clips}, {workers}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    shards = list(_shards(items, shard_clips))
    with ClipProgress(sum(len(shard.items) for shard in shards)) as progress:
        if workers == 1:
            for shard in shards:
                _make_shard(folder, shard, description, progress.advance)
        else:
            _make_shards(folder, shards, description, workers, progress)
    for name in (MANIFEST, REJECTS):
        remove_leftovers(folder, name)
    manifest = merge_manifest(folder, description, [shard.name for shard in shards])
    rejects = _collect_rejects(folder, shards)
    with atomic_file(folder / REJECTS) as stream:
        stream.write(json.dumps(rejects, indent=1).encode())
    for split in items:
        if not sum(shard.samples for shard in manifest.shards if shard.split == split):
            raise ValueError(f"No clip for split '{split}'. First rejects: {rejects[:3]}.")
    return manifest


def _shards(items: Mapping[str, Sequence[Item]], size: int) -> Iterator[Shard]:
    for split, members in items.items():
        for number, start in enumerate(range(0, len(members), size)):
            yield Shard(f"{split}-{number:06d}", split, members[start : start + size])


def _make_shard(folder: Path, shard: Shard, description: Description, advance: Any) -> None:
    spec = description.digest(shard.name, [item.name for item in shard.items])

    def samples() -> Iterator[EncodedSample | Reject]:
        for item in shard.items:
            try:
                sample: EncodedSample | Reject = encode_sample(
                    item.make(description.form), description.form
                )
            except POISON as error:
                sample = Reject(item.name, f"{type(error).__name__}: {error}")
            advance(1)
            yield sample

    write_shard(folder, shard.name, samples(), split=shard.split, spec=spec)


_COUNTER: Any = None  # of a worker process: clips made, shared with the process that shows progress


def _start_worker(counter: Any) -> None:
    global _COUNTER
    _COUNTER = counter


def _count(clips: int) -> None:
    with _COUNTER.get_lock():
        _COUNTER.value += clips


def _work(folder: Path, shard: Shard, description: Description) -> None:
    _make_shard(folder, shard, description, _count)


def _make_shards(
    folder: Path,
    shards: Sequence[Shard],
    description: Description,
    workers: int,
    progress: ClipProgress,
) -> None:
    context = multiprocessing.get_context("spawn")
    counter = context.Value("Q", 0)
    with ProcessPoolExecutor(workers, context, _start_worker, (counter,)) as pool:
        running: set[Future[None]] = {
            pool.submit(_work, folder, shard, description) for shard in shards
        }
        while running:
            done, running = wait(running, timeout=0.5)
            progress.show(counter.value)
            for future in done:
                try:
                    future.result()
                except BrokenProcessPool as error:
                    raise RuntimeError(
                        "A worker process died (out of memory, or a crash in native code). "
                        f"Finished shards in {folder} are kept: run the same command again."
                    ) from error


def _collect_rejects(folder: Path, shards: Sequence[Shard]) -> list[dict[str, str]]:
    rejects = []
    for shard in shards:
        fields = json.loads((folder / f"{shard.name}.index.json").read_bytes())
        for item, reason in fields["rejects"]:
            rejects.append({"shard": shard.name, "item": item, "reason": reason})
    return rejects
