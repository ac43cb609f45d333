"""A world model of few weights, and batches for it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from jepakit.actions import ActionSpace, StateChange
from jepakit.nn.readout import PooledPatches
from jepakit.nn.vit import VisionTransformer
from jepakit.transitions import TransitionBatch
from vjepa2.action_predictor import ActionPredictor
from vjepa2.dynamics import Dynamics

SPACE = ActionSpace(
    ("x", "y"), (-1.0, -1.0), (1.0, 1.0), ("px", "py"), (StateChange((0, 1), (0, 1), scale=0.1),)
)


def small(**other: Any) -> Dynamics:
    """A world model of windows of 5 frames with 16 latents each."""
    torch.manual_seed(0)
    encoder = VisionTransformer(24, depth=1, heads=2, frames=2, size=32, patch=8)
    sizes: dict[str, Any] = {"width": 24, "depth": 2, "heads": 2, "pairing": "interleaved"}
    sizes |= other.pop("sizes", {})
    options: dict[str, Any] = {
        "actions": SPACE,
        "frames": 5,
        "predictor": partial(ActionPredictor, **sizes),
        "readout": partial(PooledPatches, side=2),
    }
    model = Dynamics(encoder, **(options | other))
    for parameter in model.parameters():  # biases and norms too: a wrong path shows
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    return model.eval()


def batch(frames: int = 5, size: int = 3) -> TransitionBatch:
    return TransitionBatch.fake(size, frames=frames, generator=torch.Generator().manual_seed(1))
