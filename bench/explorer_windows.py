"""Sliding windows on real videos: ``python -m bench.explorer_windows --runs runs --models demo``.

Counts of shared slices by the blog's rules; for each model, trained and untrained, the profile of
one video and the specialists of all. Videos lie in ``../shared/data/video`` by default. Windows
longer than those of the training are where a model was never trained: the native length is shown
beside them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jsonargparse import auto_cli

from bench.harness import emit, show
from explorer.clip import Clip
from explorer.clips import read_clip
from explorer.models import ExplorerModel, ModelCatalogue
from explorer.windows import (
    SharedSlices,
    Specialists,
    WindowComparison,
    compare_windows,
    difference_maps,
    profile_figure,
    specialists,
    window_encoder,
)
from jepakit.evals.figures.style import to_png

VIDEO = Path(__file__).resolve().parents[2] / "shared" / "data" / "video"
VIDEOS = ("nasa_13013.mp4", "bottle-detection.mp4", "asl_gestures/book.mkv")
COUNTS = {(20, 2): 9, (40, 2): 19}
WINDOWS = (16, 20, 40)
HEADER = ("W", "shared", "first", "middle", "last", "edges/middle, sd", "most, sd", "discard")


def counts_are_exact() -> dict[str, bool]:
    """Whether windows share as many slices as the blog says, and odd shifts are refused."""
    found = {f"{w}/{s}": len(SharedSlices(w, s)) == count for (w, s), count in COUNTS.items()}
    refused = 0
    for shift in range(1, 20, 2):
        try:
            SharedSlices(20, shift)
        except ValueError as error:
            refused += "tubelet phase" in str(error)
    return {**found, "odd shifts refused": refused == 10}


def open_models(runs: str | None, titles: Sequence[str]) -> dict[str, ExplorerModel]:
    """Every model of these titles, and its untrained twin."""
    catalogue = ModelCatalogue(None if runs is None else Path(runs))
    entries = {entry.title: entry.id for entry in catalogue.entries()}
    absent = set(titles) - set(entries)
    if absent:
        raise ValueError(f"No models called {sorted(absent)}; there are {sorted(entries)}.")
    models = {}
    for title in titles:
        models[title] = catalogue.open(entries[title])
        models[f"{title}, untrained"] = catalogue.open(entries[title], untrained=0)
    return models


def described(compared: Sequence[WindowComparison]) -> list[str]:
    """A row of the table: the first video's profile at its edges and in its middle, and more."""
    found = compared[0]
    middle, edges = list(found.windows.middle), found.edges
    levels = found.profile[0], found.profile[middle].mean(), found.profile[-1]
    ratios = [edge_over_middle(one) for one in compared]
    return [
        str(found.windows.window),
        str(len(found)),
        *(f"{level:.1e}" for level in levels),
        " ".join(f"{ratio:.2f}" for ratio in ratios),
        f"{found.relative_profile.max():.2g}",
        f"{edges.first}, {edges.last}",
    ]


def edge_over_middle(found: WindowComparison) -> float:
    """Of differences in standard deviations."""
    relative = found.relative_profile
    return float((relative[0] + relative[-1]) / 2 / relative[list(found.windows.middle)].mean())


def summary(found: Specialists) -> dict[str, Any]:
    """How far videos agree, how many dimensions pass Holm's test, and the first ones."""
    overlap, rows = found.overlap, found.table(rows=found.scores.shape[1])
    pairs = found.rank_correlation[np.triu_indices(len(found.scores), 1)]
    return {
        "spearman": float(pairs.mean()),
        "common": overlap.common,
        "chance": overlap.common_chance,
        "p": overlap.common_p,
        "edge": sum(row.edge_holm < 0.05 for row in rows),
        "own": sum(row.own_holm < 0.05 for row in rows),
        "first": " ".join(str(row.dimension) for row in rows[:3]),
    }


def main(
    runs: str | None = None,
    models: list[str] | None = None,
    videos: list[str] | None = None,
    top: int = 10,
    figures: str | None = None,
    threads: int = 1,
) -> None:
    """Print counts, profiles and specialists.

    Args:
        runs: folder of run folders, where other models than the bundled one are wanted.
        models: titles, as the explorer shows them; the bundled model by default.
        videos: files, three or more.
        top: how many dimensions of a video count as its first.
        figures: folder for the pictures of the last window; none by default.
        threads: of torch.
    """
    torch.set_num_threads(threads)
    exact = counts_are_exact()
    paths = [Path(v) for v in videos or ()] or [VIDEO / name for name in VIDEOS]
    agreements, profiles, repeatable = {}, {}, []
    started = time.process_time()
    opened = open_models(runs, models or ["bundled demo"])
    for name, model in opened.items():
        clips = [read_clip(p, frames=max(WINDOWS) + model.tubelet, size=model.size) for p in paths]
        rows = []
        for window in WINDOWS:
            compared = all_compared(model, clips, window=window)
            rows.append(described(compared))
            repeatable.append(compared[0].repeatable)
            profiles[f"{name}, {window}"] = compared[0].profile.round(6).tolist()
            found = specialists(compared, top=top, rng=np.random.default_rng(0))
            agreements[f"{name}, {window}"] = summary(found)
        show(f"{name}: mean |difference| on {paths[0].name}", HEADER, rows)
    seconds = time.process_time() - started
    columns = ["spearman", "common", "p", "edge", "own", "first"]
    table = [[name, *(found[c] for c in columns)] for name, found in agreements.items()]
    show(f"Specialists of {len(paths)} videos, first {top}", ["model, W", *columns], table)
    if figures is not None:
        draw(opened, paths[0], Path(figures))
    emit(
        "explorer_windows",
        {
            "counts_exact": exact,
            "same_bits_when_repeated": all(repeatable),
            "profiles": profiles,
            "specialists": agreements,
            "cpu_seconds": round(seconds, 1),
        },
    )


def all_compared(
    model: ExplorerModel, clips: Sequence[Clip], *, window: int
) -> list[WindowComparison]:
    """The windows of every video; the first video's are encoded again, for the bits."""
    encode = window_encoder(model.encoder)
    options = {"window": window, "shift": model.tubelet, "tubelet": model.tubelet}
    return [
        compare_windows(encode, clip.frames, repeat=number == 0, **options)
        for number, clip in enumerate(clips)
    ]


def draw(models: dict[str, ExplorerModel], path: Path, folder: Path) -> None:
    """Heat maps of each model, and the profile beside that of its untrained twin."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, WindowComparison] = {}
    window = max(WINDOWS)
    for name, model in models.items():
        clip = read_clip(path, frames=window + model.tubelet, size=model.size)
        found[name] = all_compared(model, [clip], window=window)[0]
        (folder / f"{name.replace(', ', '-').replace(' ', '-')}.png").write_bytes(
            to_png(difference_maps(found[name]))
        )
    for name in [name for name in found if not name.endswith("untrained")]:
        pair = {"trained": found[name], "random init": found[f"{name}, untrained"]}
        picture = to_png(profile_figure(pair))
        (folder / f"{name.replace(' ', '-')}-profile.png").write_bytes(picture)


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
