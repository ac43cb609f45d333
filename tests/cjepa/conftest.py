"""A small scene with masks, and networks small enough to run in float64."""

from __future__ import annotations

import pytest
import torch

from cjepa.counterfactual import removal_masks
from cjepa.predictor import Predictor
from jepakit.batch import SceneBatch, TokenMasks
from jepakit.nn.vit import VisionTransformer
from jepakit.seeds import generator


@pytest.fixture
def batch() -> SceneBatch:
    return SceneBatch.fake(3, frames=4, size=32, patch=8, tubelet=2, generator=generator("scene"))


@pytest.fixture
def masks(batch: SceneBatch) -> TokenMasks:
    return removal_masks(batch.coverage, [[1], [2], [1, 2]])


@pytest.fixture
def encoder() -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(24, depth=2, heads=2, frames=4, size=32, patch=8, tubelet=2)


@pytest.fixture
def predictor(encoder: VisionTransformer) -> Predictor:
    return Predictor(24, encoder.grid, width=16, depth=2, heads=2)
