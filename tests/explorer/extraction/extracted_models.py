"""Small encoders with weights that depend on a seed, and clips of noise for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from explorer.clip import Clip
from explorer.models import ExplorerModel
from jepakit.nn import VisionTransformer


def small_model(**options: Any) -> ExplorerModel:
    """Two blocks on clips of 4 frames at 32 x 32."""
    sizes = {"depth": 2, "heads": 2, "frames": 4, "size": 32, "patch": 8, "tubelet": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = VisionTransformer(32, **(sizes | {"position": "rope"} | options))
        for parameter in encoder.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
    return ExplorerModel("small-model", "small", encoder.eval(), facts={"weights": "noise"})


def noise_clip(frames: int = 4, height: int = 32, width: int = 32, *, seed: int = 0) -> Clip:
    """Every pixel on its own."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
    return Clip(pixels, fps=10.0, name="noise", source_frames=tuple(range(frames)))
