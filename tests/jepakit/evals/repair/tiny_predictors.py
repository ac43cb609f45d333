"""A small Causal-JEPA whose every parameter is random, and clips of scenes with two objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from masked_trees import masked
from torch import nn

from cjepa import CausalJEPA, Predictor
from jepakit.evals.repair.images.occluded_images import OccludedImages, OcclusionRule
from jepakit.evals.repair.predictor.hidden_predictor import HiddenPredictor
from jepakit.masks import ObjectMasker
from jepakit.nn import VisionTransformer

DEPTH, SIDE = 3, 32
GRID = (2, 4, 4)


def random_model(*, seed: int = 1, **settings: Any) -> CausalJEPA:
    """Student, teacher and predictor all differ."""
    encoder = VisionTransformer(
        24, depth=DEPTH, heads=2, frames=4, size=SIDE, patch=8, tubelet=2, mlp_ratio=2.0
    )
    model = CausalJEPA(
        encoder,
        masker=ObjectMasker(),
        predictor=lambda width, grid: Predictor(width, grid, width=16, depth=2, heads=2),
        **settings,
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=generator)
        for part in model.modules():
            if isinstance(part, nn.LayerNorm):
                part.weight.add_(1.0)
    return model.eval()


def predictor(**settings: Any) -> HiddenPredictor:
    return HiddenPredictor.of(random_model(**settings))


def clips(scenes: int = 3, *, each: int = 2) -> OccludedImages:
    """Noise with a box that grows and moves; ``each`` items of a scene share its frames."""
    items = []
    for number in range(scenes * each):
        mask = np.zeros((4, SIDE, SIDE), bool)
        top = 8 * (number % each)
        mask[:, top : top + 6, 2 : 10 + 3 * number] = True
        scene, key = f"scene {number // each}", f"{number}"
        one = masked(mask, label=f"class {number % 2}", key=key, group=scene)
        rng = np.random.default_rng(number // each)
        frames = rng.integers(0, 256, one.frames.shape, dtype=np.uint8)
        items.append(type(one)(frames, one.mask, one.void, one.label, one.key, one.group))
    return OccludedImages.make(items, GRID, OcclusionRule(seed=3))
