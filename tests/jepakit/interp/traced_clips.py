"""A small encoder and clips for it, the same in every process."""

from __future__ import annotations

import numpy as np
import torch

from jepakit.interp.clip_set import ClipsInMemory
from jepakit.nn import VisionTransformer


def encoder(seed: int = 0, position: str = "rope", **named: object) -> VisionTransformer:
    torch.manual_seed(seed)
    sizes = {"depth": 3, "heads": 2, "frames": 4, "size": 16, "patch": 8, "tubelet": 2}
    made = VisionTransformer(24, **sizes | {"position": position} | named)  # type: ignore[arg-type]
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def clips(count: int = 10, seed: int = 0, frames: int = 4) -> ClipsInMemory:
    rng = np.random.default_rng(seed)
    return ClipsInMemory(
        pixels=rng.integers(0, 256, (count, frames, 16, 16, 3), dtype=np.uint8),
        keys=tuple(f"clip-{number}" for number in range(count)),
        labels=np.arange(count) % 4,
        groups=tuple(f"video-{number // 2}" for number in range(count)),
    )
