"""What the explorer's computations cost on a clip of 44 frames: ``python -m bench.explorer_speed``.

12,672 tokens of 768 numbers, as many as a ViT-B makes of 44 frames of 384 x 384: those of a real
video through a ViT of this width with random weights (neighbours in time and space resemble each
other, as UMAP and its tree of neighbours meet it; noise would not). One thread; CPU seconds, since
the machine may be shared. UMAP is compiled at its first call: the second one is held to the limit.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jsonargparse import auto_cli
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bench.harness import emit, show
from explorer.clips import read_clip
from explorer.latents import Latents
from explorer.pictures import encode_video, figure_html, latent_frames, point_cloud, side_by_side
from explorer.reductions import pca, to_rgb, umap_points
from explorer.tracking import propagate_labels, similarity
from jepakit.nn import VisionTransformer

VIDEO = Path(__file__).resolve().parents[2] / "shared" / "data" / "video" / "nasa_13013.mp4"
PATCH, TUBELET, WIDTH = 16, 2, 768
LIMITS = {"PCA": 2.0, "UMAP on PCA-50": 10.0, "similarity": 0.05, "label propagation": 5.0}  # CPU s


def real_tokens(video: Path, *, frames: int, size: int, depth: int) -> Latents:
    """Tokens of a video's first frames through an encoder with random weights, seed 0."""
    clip = read_clip(video, frames=frames, size=size)
    torch.manual_seed(0)
    encoder = VisionTransformer(
        WIDTH, depth=depth, heads=12, frames=frames, size=size, patch=PATCH, tubelet=TUBELET
    ).eval()
    values = encoder.encode(torch.from_numpy(clip.frames)[None])[0].numpy()
    grid = (frames // TUBELET, size // PATCH, size // PATCH)
    return Latents(values.reshape(*grid, WIDTH), clip, TUBELET, PATCH)


def seconds(call: Callable[[], object], rounds: int = 1) -> float:
    """CPU seconds of one call, the median of several."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def pictures(latents: Latents) -> tuple[dict[str, float], dict[str, float]]:
    """CPU seconds of what is shown, and sizes in MB: no limits, they add to a first look."""
    points = pca(latents.flat).points
    rgb = to_rgb(points)
    shown = latent_frames(rgb.reshape(*latents.grid, 3), latents.clip, TUBELET)
    pair = side_by_side(latents.clip.frames, shown)
    video, html = [], []
    spent = {
        "video, clip and latents": seconds(lambda: video.append(encode_video(pair, 25.0))),
        "cloud as HTML": seconds(
            lambda: html.append(figure_html(point_cloud(points, rgb, latents.grid)))
        ),
    }
    return spent, {"video": len(video[0].data) / 1e6, "cloud": len(html[0]) / 1e6}


def main(
    video: Path = VIDEO, frames: int = 44, size: int = 384, depth: int = 2, rounds: int = 3
) -> None:
    """Print CPU seconds beside their limits.

    Args:
        video: whose tokens are looked at.
        frames: of the clip.
        size: height and width in pixels.
        depth: blocks of the encoder.
        rounds: of everything but the first call of UMAP.
    """
    torch.set_num_threads(1)
    with threadpool_limits(1):
        latents = real_tokens(video, frames=frames, size=size, depth=depth)
        slices, rows, columns = latents.grid
        first = (np.arange(rows)[:, None] * 3 // rows) * 2 + np.arange(columns) * 2 // columns
        clicked = (0, rows // 2, columns // 2)
        spent = {
            "PCA": seconds(lambda: pca(latents.flat), rounds),
            "similarity": seconds(lambda: similarity(latents, [clicked]), 5 * rounds),
            "label propagation": seconds(lambda: propagate_labels(latents.values, first), rounds),
        }
        compiled = seconds(lambda: umap_points(latents.flat))
        spent["UMAP on PCA-50"] = seconds(lambda: umap_points(latents.flat), rounds)
        shown, megabytes = pictures(latents)
    table: list[tuple[object, ...]] = [
        (name, spent[name], limit, "yes" if spent[name] <= limit else "no")
        for name, limit in LIMITS.items()
    ]
    first_call = compiled - spent["UMAP on PCA-50"]
    table.append(("UMAP, compiling at its first call", first_call, "", ""))
    table += [(name, took, "", "") for name, took in shown.items()]
    title = (
        f"{slices * rows * columns} x {WIDTH} tokens of {video.name}, random ViT of {depth} blocks"
    )
    show(title, ("computation", "CPU s", "limit", "kept"), table)
    emit(
        "explorer_speed",
        {
            "tokens": [slices, rows, columns, WIDTH],
            "cpu_s": {**spent, **shown},
            "umap_compile_cpu_s": first_call,
            "megabytes": megabytes,
            "kept": all(spent[name] <= limit for name, limit in LIMITS.items()),
        },
    )


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
