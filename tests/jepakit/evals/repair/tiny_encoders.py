"""A small random encoder, images for it, and its activations read and overwritten by hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from masked_trees import masked
from torch import Tensor, nn

from jepakit.evals.repair.images.occluded_images import OccludedImages, OcclusionRule
from jepakit.interp.adapters.native import NativeEncoder
from jepakit.nn import VisionTransformer

DEPTH, WIDTH, SIDE, PATCH = 4, 24, 32, 4
GRID = (1, 8, 8)


def encoder(depth: int = DEPTH, *, seed: int = 1) -> NativeEncoder:
    """Every parameter random, so that each one counts."""
    model = VisionTransformer(
        WIDTH, depth=depth, heads=2, size=SIDE, patch=PATCH, mlp_ratio=2.0, position="learned",
        frames=1, tubelet=1,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=generator)
        for part in model.modules():
            if isinstance(part, nn.LayerNorm):
                part.weight.add_(1.0)
    return NativeEncoder(model.eval(), name="tiny")


def occluded_images(count: int = 5, *, classes: int = 2, rule: Any = None) -> OccludedImages:
    """Noise with a box that grows."""
    items = []
    for number in range(count):
        mask = np.zeros((SIDE, SIDE), bool)
        mask[4 : 12 + number, 6 : 14 + number] = True
        label = f"class {number % classes}"
        items.append(masked(mask, label=label, key="x" * (number + 1), group=f"scene {number}"))
    return OccludedImages.make(items, GRID, rule or OcclusionRule(seed=3))


def hooked(
    model: VisionTransformer,
    frames: Tensor,
    edits: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    sites: Iterable[str] = (),
) -> dict[str, Tensor]:
    """Outputs of the blocks (``0.resid``) and ``sites``, tokens of all images in one row."""
    found: dict[str, Tensor] = {}
    wanted = {*sites, *(edits or {}), *(f"{n}.resid" for n in range(len(model.blocks)))}
    with ExitStack() as stack, torch.no_grad():
        for site in wanted:
            number, part = site.split(".")
            block = model.blocks[int(number)]
            change = (edits or {}).get(site, lambda x: x)

            def note(x: Tensor, site: str = site, change: Any = change) -> Tensor:
                found[site] = change(x)
                return found[site]

            if part == "mlp_hidden":
                handle = block.fc2.register_forward_pre_hook(lambda _, x, f=note: (f(x[0]),))
            else:
                of = {"attn": block.proj, "mlp": block.fc2, "resid": block}[part]
                handle = of.register_forward_hook(lambda _, __, y, f=note: f(y))
            stack.callback(handle.remove)
        model(frames)
    return found


def drift_by_hand(clean: Tensor, other: Tensor) -> np.ndarray:
    """One minus the cosine, token by token."""
    a, b = clean.double().numpy(), other.double().numpy()
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return 1 - (a * b).sum(axis=-1) / lengths
