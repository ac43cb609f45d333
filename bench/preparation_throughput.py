"""Clips per second and core from arrays to finished shards, its breakdown, and two processes.

Counted is all that a data job does once it has a clip: checks, JPEG, coverage, label map, metadata,
tar, checksums, fsync. Not counted is where clips come from (decoding, segmenters): items take one
of eight ready clips, which look like photographs and hold six moving objects, out of a file in the
page cache. Two processes are compared with a pool of one, in turn, without their start: by wall
time between the first and the last tenth of the clips, of which the best run of each counts, as
other work on the machine can only slow it down; and by CPU seconds per clip, which say what two
free cores would give.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from bench.data_loading import photographic_clip
from bench.harness import emit, interleave, show
from data_prep.engines.pool import make_in_pool
from data_prep.job import Job, run_job
from data_prep.progress import ClipProgress
from data_prep.shard_task import ShardTask, cut_shards
from jepakit.data.codecs import encode_labels
from jepakit.data.coverage import check_labels, extent_of
from jepakit.data.manifest import Description
from jepakit.data.members import encode_sample
from jepakit.data.metadata import build_meta, encode_meta
from jepakit.data.schema import ClipFormat, Sample
from jepakit.data.shard_target import LocalTarget
from jepakit.data.shard_writer import write_shard
from jepakit.data.strips import encode_strip

FORM = ClipFormat(16, 224, 224, patch=16, tubelet=2)
DESCRIPTION = Description("noise", "bench/1", ("CC0-1.0",), FORM)
READY = 8
SHARD = 32  # clips, in pools
LEAST = 60.0  # clips per second and core
SPEEDUP = 1.8


@dataclass(frozen=True)
class ReadyItem:
    """A clip that lies ready; when it is taken goes into a file below ``log``, if that is given."""

    number: int
    folder: str
    log: str = ""

    @property
    def name(self) -> str:
        """Its number."""
        return f"clip-{self.number}"

    def make(self, form: ClipFormat) -> Iterator[Sample]:
        """One of the ready clips under a name of its own."""
        if self.log:
            _log(self.log).write(struct.pack("dd", time.process_time(), time.perf_counter()))
        frames, labels = (part[self.number % READY] for part in _ready(self.folder))
        objects = [{"id": i + 1, "kind": "disc"} for i in range(6)]
        meta = build_meta(
            self.name, form, source="noise", licence="CC0-1.0", fps=8.0, objects=objects
        )
        yield Sample(self.name, np.array(frames), np.array(labels), meta)


@lru_cache(maxsize=1)
def _ready(folder: str) -> tuple[ndarray, ndarray]:
    frames, labels = (np.load(f"{folder}/{name}.npy", mmap_mode="r") for name in ("rgb", "ids"))
    return frames, labels


@lru_cache(maxsize=1)
def _log(folder: str) -> Any:
    return Path(f"{folder}/{os.getpid()}").open("ab", buffering=0)


def write_ready(folder: str) -> None:
    """The clips that lie ready."""
    random = np.random.default_rng(0)
    clips = [photographic_clip(FORM.width, FORM.frames, random) for _ in range(READY)]
    np.save(f"{folder}/rgb.npy", np.stack([clip.frames for clip in clips]))
    np.save(f"{folder}/ids.npy", np.stack([clip.labels for clip in clips]))


def stages(folder: str, clips: int) -> dict[str, Callable[[], object]]:
    """Each stage of a job on its own, over as many clips."""
    items = [ReadyItem(number, folder) for number in range(clips)]
    samples = [next(item.make(FORM)) for item in items[:READY]]
    encoded = [encode_sample(sample, FORM) for sample in samples]
    tars = [replace(encoded[i % READY], key=f"clip-{i}") for i in range(clips)]
    data = b"".join(b"".join(clip.members.values()) for clip in tars)
    area = [[0.012345] * FORM.frames] * 6

    def over(stage: Callable[[Sample], object]) -> Callable[[], object]:
        return lambda: [stage(samples[i % READY]) for i in range(clips)]

    def meta(sample: Sample) -> bytes:
        table = [{**e, "area": a} for e, a in zip(sample.meta["objects"], area, strict=True)]
        fields = {**sample.meta, "objects": table, "counterfactuals": []}
        return encode_meta(fields, sample.key, FORM)

    return {
        "job": lambda: job(folder, clips),
        "taking the clip": lambda: [next(item.make(FORM)) for item in items],
        "JPEG": over(lambda s: encode_strip(s.frames, FORM)),
        "label map (zlib)": over(lambda s: encode_labels(s.labels)),
        "coverage and areas": over(lambda s: extent_of(s.labels, 6, patch=16, tubelet=2)),
        "checks of ids": over(lambda s: check_labels(s.labels, 6)),
        "metadata": over(meta),
        "tar, crc32, sha256, fsync": lambda: shard(folder, tars),
        "of it sha256": lambda: hashlib.sha256(data),
        "of it fsync": lambda: flushed(folder, data),
    }


def job(folder: str, clips: int) -> None:
    """The whole job, in this process."""
    items = {"train": [ReadyItem(number, folder) for number in range(clips)]}
    with tempfile.TemporaryDirectory(dir=folder) as out, redirect_stdout(io.StringIO()):
        run_job(out, DESCRIPTION, items, Job(shard_items=64))


def shard(folder: str, encoded: list[Any]) -> None:
    """Write clips that are encoded."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        write_shard(Path(out), "train-000000", iter(encoded), split="train", spec="x")


def flushed(folder: str, data: bytes) -> None:
    """Write bytes to the disk."""
    with tempfile.NamedTemporaryFile(dir=folder) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def breakdown(folder: str, clips: int, rounds: int) -> dict[str, dict[str, float]]:
    """CPU and wall milliseconds per clip, by stage."""
    timings = interleave(stages(folder, clips), rounds=rounds)
    cost = {
        name: {"cpu": t.cpu / clips * 1e3, "wall": t.wall / clips * 1e3}
        for name, t in timings.items()
    }
    rows = [(name, spent["cpu"], spent["wall"]) for name, spent in cost.items()]
    show("Milliseconds per clip (16 x 224x224, 6 objects)", ("stage", "CPU", "wall"), rows)
    return cost


def pooled(folder: str, clips: int, workers: int) -> tuple[float, float]:
    """Clips per second between the first and the last tenth, and CPU ms per clip there."""
    with tempfile.TemporaryDirectory(dir=folder) as out, tempfile.TemporaryDirectory() as log:
        items = {"train": [ReadyItem(number, folder, log) for number in range(clips)]}
        task = ShardTask(LocalTarget(Path(out)), DESCRIPTION)
        progress = ClipProgress(clips)
        make_in_pool(task, cut_shards(items, SHARD), workers=workers, progress=progress)
        taken = [
            (wall, cpu, path.name)
            for path in Path(log).iterdir()
            for cpu, wall in struct.iter_unpack("dd", path.read_bytes())
        ]
    middle = sorted(taken)[clips // 10 : -clips // 10]
    rate = (len(middle) - 1) / (middle[-1][0] - middle[0][0])
    spent, made = 0.0, 0
    for process in {name for _, _, name in middle}:
        moments = [cpu for _, cpu, name in middle if name == process]
        spent += moments[-1] - moments[0]
        made += len(moments) - 1
    return rate, spent / made * 1e3


def scaling(folder: str, clips: int, rounds: int) -> dict[str, float]:
    """How two processes compare with one."""
    names = {1: "one", 2: "two"}
    rate: dict[int, list[float]] = {1: [], 2: []}
    cost: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers in names:
            speed, spent = pooled(folder, clips, workers)
            rate[workers].append(speed)
            cost[workers].append(spent)
    figures = {f"{names[w]}_clips_per_second": max(found) for w, found in rate.items()}
    figures |= {f"{names[w]}_cpu_ms_per_clip": min(found) for w, found in cost.items()}
    figures["speedup_wall"] = max(rate[2]) / max(rate[1])
    figures["speedup_cpu"] = 2 * min(cost[1]) / min(cost[2])
    return figures


def main() -> None:
    """Print the breakdown, the rates and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pooled", type=int, default=512, help="clips of each run of a pool")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_ready(folder)
        cost = breakdown(folder, args.clips, args.rounds)
        pools = scaling(folder, args.pooled, args.rounds)
    per_core = 1e3 / cost["job"]["cpu"]
    rows = [
        ("clips per CPU second", per_core, LEAST),
        ("two processes, times one, wall (best of each)", pools["speedup_wall"], SPEEDUP),
        ("the same from CPU per clip", pools["speedup_cpu"], SPEEDUP),
    ]
    load = os.getloadavg()[0]
    show(f"Writing, load average {load:.1f}", ("figure", "measured", "at least"), rows)
    figures = {"clips_per_cpu_second": per_core, "ms_per_clip": cost, **pools, "load": load}
    emit("preparation_throughput", figures)


if __name__ == "__main__":
    main()
