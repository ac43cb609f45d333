"""What streaming every layer costs a forward pass: ``python -m bench.trace_overhead``.

The same clips through the same encoder: forward passes whose tokens are dropped, against a trace
that pools the stream of every block and writes it to a new store each time. Making a store takes
the same time for few clips as for many: it is measured alone, and taken off what streaming costs.
Memory is the peak of a process of its own for each.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jsonargparse import auto_cli

from bench.harness import emit, interleave, paired_ratio, show
from jepakit.interp.activation_store import ActivationStore
from jepakit.interp.clip_set import ClipsInMemory
from jepakit.interp.pooling import Pool
from jepakit.interp.provenance import Provenance
from jepakit.interp.traces import frozen, row_formats, trace
from jepakit.nn.vit import VisionTransformer

BAR, BAR_MB = 0.03, 50.0
POOLS: dict[str, tuple[Pool, ...]] = {
    "mean": ("mean",),
    "three": ("mean", "time_mean", "space_mean"),
}
"""What is traced: the mean over all tokens; and with it those over space and over time."""


def passes(
    *, width: int, depth: int, frames: int, size: int, clips: int, batch: int
) -> dict[str, Callable[[], None]]:
    """A forward pass over all clips, traces of them, and stores that stay empty."""
    torch.manual_seed(0)
    encoder = VisionTransformer(
        width, depth=depth, heads=width // 64, frames=frames, size=size, position="rope"
    )
    shape = (clips, frames, size, size, 3)
    data = ClipsInMemory(
        pixels=np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8),
        keys=tuple(map(str, range(clips))),
        labels=np.zeros(clips, dtype=np.int64),
        groups=tuple(map(str, range(clips))),
    )

    def forward() -> None:
        with frozen(encoder):
            for start in range(0, clips, batch):
                chosen = range(start, min(start + batch, clips))
                encoder(torch.from_numpy(data.frames(chosen)))

    def traced(pools: tuple[Pool, ...]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            trace(encoder, data, store=Path(folder), pools=pools, batch_size=batch)

    def empty(pools: tuple[Pool, ...]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = ActivationStore.open(Path(folder), data, Provenance.of(encoder, data))
            with store.writing(row_formats(encoder, encoder.grid, pools=pools)):
                pass

    ways: dict[str, Callable[[], None]] = {"forward": forward}
    for name, pools in POOLS.items():
        ways |= {name: partial(traced, pools), f"{name}, store": partial(empty, pools)}
    return ways


def peak_mb(way: str, sizes: dict[str, int], threads: int) -> float:
    """Peak memory (MB) of a process that runs one way once."""
    arguments = [f"--{name}={value}" for name, value in {**sizes, "threads": threads}.items()]
    command = [sys.executable, "-m", "bench.trace_overhead", *arguments, f"--peak_of={way}"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def own_peak_mb() -> float:
    """Of this process; getrusage would give the peak of the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1e3


def main(
    width: int = 192,
    depth: int = 24,
    frames: int = 16,
    size: int = 128,
    clips: int = 16,
    batch: int = 4,
    rounds: int = 5,
    threads: int = 1,
    peak_of: str | None = None,
) -> None:
    """Print CPU seconds and peak memory of each way.

    Args:
        width: of a token; heads are 64 wide.
        depth: blocks.
        frames: of a clip.
        size: height and width of a frame in pixels.
        clips: of a trace.
        batch: clips of a forward pass.
        rounds: interleaved rounds.
        threads: of torch.
        peak_of: run this way once and print the peak memory of the process (MB), nothing else.
    """
    torch.set_num_threads(threads)
    sizes = {
        "width": width,
        "depth": depth,
        "frames": frames,
        "size": size,
        "clips": clips,
        "batch": batch,
    }
    ways = passes(**sizes)
    if peak_of is not None:
        ways[peak_of]()
        print(own_peak_mb())
        return
    times = interleave(ways, rounds=rounds)
    peaks = {
        name: [peak_mb(name, sizes, threads) for _ in range(3)] for name in ("forward", *POOLS)
    }
    floor = float(np.median(peaks["forward"]))
    extra = {name: float(np.median(values)) - floor for name, values in peaks.items()}
    share = {name: paired_ratio(times[name], times["forward"]) for name in ways}
    more = {name: share[name] - 1 - share[f"{name}, store"] for name in POOLS}
    rows = [["forward", times["forward"].cpu, "", "", ""]]
    for name in POOLS:
        made = times[f"{name}, store"].cpu
        rows.append([f"trace, {name}", times[name].cpu, made, 100 * more[name], extra[name]])
    show(
        f"{clips} clips, {depth} layers of width {width}; bars {BAR:.0%} and {BAR_MB:.0f} MB",
        ["way", "CPU s", "of it making the store", "% more, streaming", "MB more at the peak"],
        rows,
    )
    figures = {"streaming": more, "with_store": {name: share[name] - 1 for name in POOLS}}
    emit(
        "trace_overhead",
        {**figures, "extra_mb": extra, "bar": BAR, "bar_mb": BAR_MB, "sizes": sizes},
    )


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
