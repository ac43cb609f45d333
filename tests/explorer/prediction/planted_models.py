"""Clips and models whose surprise and whose counterfactuals are known, and tiny real models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
import torch
from tiny_runs import ENCODER
from torch import Tensor

import cjepa
import vjepa2
from cjepa import CausalJEPA
from explorer.clip import Clip, SceneTruth
from jepakit.batch import BatchRequest, TokenMasks
from jepakit.masks import ObjectMasker, TubeMasker
from jepakit.nn import VisionTransformer
from jepakit.protocols import Intervention
from jepakit.training.module import JepaModule
from vjepa2 import VJEPA2

REQUEST = BatchRequest(frames=8, size=(16, 16), patch=4, tubelet=2)


def clip_of(frames: np.ndarray, truth: SceneTruth | None = None) -> Clip:
    return Clip(frames, 4.0, "a clip", tuple(range(len(frames))), truth)


def noise_clip(request: BatchRequest = REQUEST, seed: int = 0) -> Clip:
    shape = (request.frames, *request.size, 3)
    return clip_of(np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8))


def label_map(places: Sequence[Sequence[int] | None]) -> np.ndarray:
    """Objects of 3 x 3 pixels at rows ``places[i]``, one per frame, each in its own columns."""
    labels = np.zeros((8, 16, 16), np.uint8)
    for number, rows in enumerate(places):
        for frame in range(8 if rows is not None else 0):
            assert rows is not None
            row = rows[min(frame, len(rows) - 1)]
            labels[frame, row : row + 3, 4 * number : 4 * number + 3] = number + 1
    return labels


def scene() -> Clip:
    """Four objects that stand; without the first, the second falls; nothing follows the third."""
    places: list[list[int] | None] = [[2], [4], [8], [0]]
    labels = label_map(places)
    fallen = label_map([None, [4, 4, 9, 12], [8], [0]])
    calm = label_map([[2], [4], None, [0]])
    truth = SceneTruth(
        labels,
        np.zeros((4, 8, 2)),
        ("the red ball", "the box", "the peg", "the bar"),
        {1: colours(fallen), 3: colours(calm)},
    )
    return clip_of(colours(labels), truth)


def colours(labels: np.ndarray) -> np.ndarray:
    return (20 + 50 * labels[..., None]).repeat(3, axis=-1).astype(np.uint8)


class Planted:
    """Predicts the truth of the clip it was made for, plus 3 in one token; the loss is the square.

    A latent is (mean grey value / 255, 1).
    """

    width = 2
    request = REQUEST

    def __init__(self, clip: Clip, *, wrong: tuple[int, int, int] | None = None) -> None:
        self.clip = clip
        self.answer = self.target_latents(torch.from_numpy(clip.frames)[None])[0]
        if wrong is not None:
            self.answer[np.ravel_multi_index(wrong, REQUEST.grid)] += 3.0
        self.seen: list[Tensor] = []

    def visible_latents(self, frames: Tensor, masks: TokenMasks) -> Tensor:
        return self.target_latents(frames).flatten(0, 1)[masks.context.index]

    def target_latents(self, frames: Tensor) -> Tensor:
        grey = frames.float().mean(dim=-1) / 255
        blocks = grey.unfold(1, 2, 2).unfold(2, 4, 4).unfold(3, 4, 4).mean(dim=(-1, -2, -3))
        values = blocks.flatten(1)
        return torch.stack([values, torch.ones_like(values)], dim=-1)

    def predict_hidden(self, context: Tensor, masks: TokenMasks) -> Tensor:
        self.seen.append(masks.context.index)
        return self.answer[masks.target.position]

    def hidden_errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).square().sum(dim=-1)


class Seer(Planted):
    """Knows what the removal of an object changes: the difference of the latents."""

    causal_weight = 1.0

    def intervene(
        self, frames: Tensor, coverage: Tensor, objects: Sequence[Sequence[int]]
    ) -> Intervention:
        ((identity,),) = objects
        assert self.clip.truth is not None
        full = self.target_latents(frames)
        other = torch.from_numpy(self.clip.truth.without[identity])[None]
        visible = (coverage[:, identity - 1].flatten(1) == 0).long()
        residual = (full - self.target_latents(other)) * visible.unsqueeze(-1)
        return Intervention(full - residual, residual, visible, full.mean(dim=1))


@cache
def tiny_cjepa(*, full_sequence: bool = False, causal_weight: float = 0.5) -> JepaModule:
    """Untrained, but no weight is 0: a wrong path shows."""
    module = CausalJEPA(
        VisionTransformer(**ENCODER),
        masker=ObjectMasker(),
        predictor=partial(cjepa.Predictor, width=16, depth=1, heads=2),
        full_sequence=full_sequence,
        causal_weight=causal_weight,
    )
    return shaken(module)


@cache
def tiny_vjepa() -> JepaModule:
    """Two levels, so that targets are wider than a token."""
    encoder = VisionTransformer(**{**ENCODER, "depth": 2, "levels": (0, 1), "position": "rope"})

    predictor = partial(vjepa2.Predictor, width=24, depth=1, heads=2)
    return shaken(VJEPA2(encoder, masker=TubeMasker(), predictor=predictor))


def shaken(module: JepaModule) -> JepaModule:
    draws = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data.add_(torch.randn(parameter.shape, generator=draws) * 0.1)
    return module.eval()
