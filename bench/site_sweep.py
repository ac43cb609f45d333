"""Time of a sweep over every block, part and mode: ``python -m bench.site_sweep``.

A ViT-S with random weights, images with a disc for an object; how long a sweep takes does not
depend on what is seen. The figure to reach is 10 minutes on 2 cores for 32 blocks and 48 images.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jsonargparse import auto_cli

from bench.harness import emit, show
from jepakit.evals.repair.images.masked_images import MaskedImage
from jepakit.evals.repair.images.occluded_images import OccludedImages, OcclusionRule
from jepakit.evals.repair.site_sweep import sweep_sites
from jepakit.interp.adapters.native import NativeEncoder
from jepakit.nn.vit import VisionTransformer


def disc_images(count: int, size: int) -> list[MaskedImage]:
    """Noise with a brighter disc at a random place."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    items = []
    for number in range(count):
        place = rng.uniform(0.3, 0.7, 2) * size
        mask = (y - place[0]) ** 2 + (x - place[1]) ** 2 < (size / 6) ** 2
        frame = rng.integers(0, 128, (size, size, 3), dtype=np.uint8)
        frame[mask] += 100
        empty = np.zeros((1, size, size), bool)
        items.append(MaskedImage(frame[None], mask[None], empty, "disc", str(number), str(number)))
    return items


def main(
    depth: int = 32, width: int = 384, size: int = 128, images: int = 48, threads: int = 2
) -> None:
    """Sweep once and print the time.

    Args:
        depth: blocks.
        width: of a token.
        size: pixels along a side, in patches of 16.
        images: how many.
        threads: of torch.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = VisionTransformer(width, depth=depth, heads=6, frames=1, size=size, patch=16, tubelet=1)
    encoder = NativeEncoder(model)
    occluded = OccludedImages.make(disc_images(images, size), encoder.grid, OcclusionRule())
    with TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        sweep = sweep_sites(encoder, occluded, Path(folder), identity="bench")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    plans = int(np.prod(sweep.rescue.shape[:3]))
    rows = [[f"{plans} patches of {len(occluded)} images", f"{wall / 60:.1f}", f"{cpu / 60:.1f}"]]
    show(f"ViT {width} x {depth}, {size} pixels", ["sweep", "minutes", "CPU minutes"], rows)
    found = {"depth": depth, "size": size, "images": len(occluded), "wall_s": wall, "cpu_s": cpu}
    emit("site_sweep", found)


if __name__ == "__main__":
    auto_cli(main)
