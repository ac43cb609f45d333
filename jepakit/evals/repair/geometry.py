"""Drift by area and aspect of a hidden rectangle, and where in the network it sets in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from rich.progress import Progress

from jepakit.evals.repair.images.masked_images import MaskedImage
from jepakit.evals.repair.images.occlusion import Rectangle, rectangle_sweep
from jepakit.evals.repair.images.pixel_fill import Fill, occluded
from jepakit.interp.drift import late_blocks, late_drift, onset_layer
from jepakit.interp.patchable import PatchableEncoder
from jepakit.interp.patching import record_pair
from jepakit.seeds import derive_seed


@dataclass(frozen=True)
class GeometryCell:
    """One rectangle.

    Attributes:
        rectangle: its tokens.
        late: late context drift of each image.
        context: mean context drift after every block.
        masked: mean drift of hidden tokens after every block.
        onset: first block whose mean context drift exceeds 0.05.
    """

    rectangle: Rectangle
    late: Float[np.ndarray, " n"]
    context: Float[np.ndarray, " L"]
    masked: Float[np.ndarray, " L"]
    onset: int | None


def sweep_rectangles(
    encoder: PatchableEncoder,
    items: Sequence[MaskedImage],
    *,
    fill: Fill = "black",
    batch_size: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[GeometryCell]:
    """Hide rectangles of every area and aspect that fit (paper, section 2.3)."""
    rectangles = rectangle_sweep(encoder.grid)
    task = progress.add_task("rectangles", total=len(rectangles)) if progress else None
    late, cells = late_blocks(encoder.depth), []
    for one in rectangles:
        context, masked = [], []
        for start in range(0, len(items), batch_size):
            batch = items[start : start + batch_size]
            pictures = [
                occluded(item.frames, one.hidden, fill=fill, rng=_rng(seed, item.key))
                for item in batch
            ]
            hidden = torch.from_numpy(np.tile(one.hidden.ravel(), (len(batch), 1)))
            clean = torch.from_numpy(np.stack([item.frames for item in batch]))
            runs = record_pair(
                encoder, clean, torch.from_numpy(np.stack(pictures)), hidden=hidden, sites=()
            )
            context.append(runs.base.context.cpu())
            masked.append(runs.base.masked.cpu())
        drift, inside = torch.cat(context, dim=1), torch.cat(masked, dim=1)
        cells.append(
            GeometryCell(
                one,
                late_drift(drift, late).double().numpy(),
                drift.double().mean(dim=1).numpy(),
                inside.double().mean(dim=1).numpy(),
                onset_layer(drift),
            )
        )
        if progress and task is not None:
            progress.advance(task)
    return cells


def _rng(seed: int, key: str) -> np.random.Generator:
    return np.random.default_rng(derive_seed("rectangle", seed, key))
