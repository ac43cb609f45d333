"""What pooled features of real video tell apart: a trained run against the same network untrained.

``python -m bench.video_features runs/NAME [--videos FOLDER]``. Eight clips are spread over every
video. Held against each other: the share of clips whose nearest neighbour among clips at least two
places away in time, or of other videos, is of the same video (chance is what is printed beside it),
the effective rank of the features and their spread. The videos are those of the ten signs in
``../shared/data/video`` by default: one signer each, so that scenery alone may tell them apart.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor

from bench.harness import emit, show
from jepakit.data.video import FrameSampling, video_batches
from jepakit.evals.probes.controls import random_init
from jepakit.losses.collapse import effective_rank, feature_std
from jepakit.protocols import Encoder
from jepakit.training.runs import build_run, load_run

SIGNS = Path(__file__).resolve().parents[2] / "shared" / "data" / "video" / "asl_gestures"
CLIPS = 8


def features(
    encoders: dict[str, Encoder], videos: str, fps: float
) -> tuple[dict[str, Tensor], float]:
    """Pooled features ``(videos * CLIPS, d)`` of every encoder, and clips read per second."""
    request = next(iter(encoders.values())).request
    loader = video_batches(
        videos, request, sampling=FrameSampling(fps=fps, clips=CLIPS), batch_size=CLIPS
    )
    found: dict[str, list[Tensor]] = {name: [] for name in encoders}
    reading, start = 0.0, time.perf_counter()
    for batch in loader:
        reading += time.perf_counter() - start
        for name, encoder in encoders.items():
            found[name].append(encoder.encode(batch.frames).mean(dim=1))
        start = time.perf_counter()
    stacked = {name: torch.cat(parts) for name, parts in found.items()}
    return stacked, len(next(iter(stacked.values()))) / reading


def same_video(pooled: Tensor) -> tuple[float, float]:
    """Share of clips whose nearest allowed neighbour is of the same video, and its expectation."""
    normed = torch.nn.functional.normalize(pooled - pooled.mean(dim=0), dim=1)
    place = torch.arange(len(pooled))
    same = place[:, None] // CLIPS == place[None] // CLIPS
    near = same & ((place[:, None] - place[None]).abs() < 2)
    nearest = (normed @ normed.T).masked_fill(near, -2).argmax(dim=1)
    chance = (same & ~near).sum(1) / (~near).sum(1)
    return float(same[place, nearest].float().mean()), float(chance.mean())


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--videos", default=str(SIGNS))
    parser.add_argument("--fps", type=float, default=8.0)
    args = parser.parse_args()
    encoders: dict[str, Encoder] = {
        "trained": load_run(args.run).eval(),  # type: ignore[dict-item]
        "untrained": random_init(lambda: build_run(args.run), 0),  # type: ignore[dict-item]
    }
    pooled, speed = features(encoders, args.videos, args.fps)
    rows = {}
    for name, values in pooled.items():
        share, chance = same_video(values)
        rows[name] = {
            "same video nearest": share,
            "by chance": chance,
            "effective rank": float(effective_rank(values)),
            "feature std": float(feature_std(values)),
        }
    columns = ("encoder", *next(iter(rows.values())))
    show(
        f"{args.videos}: {len(values)} clips", columns, [[n, *r.values()] for n, r in rows.items()]
    )
    emit("video_features", {"rows": rows, "clips_read_per_second": speed})


if __name__ == "__main__":
    main()
