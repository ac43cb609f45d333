"""Models of shipped recipes, and batches of real scenes for them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from cjepa import CausalJEPA
from jepakit.batch import SceneBatch
from jepakit.masks import mask_batch
from jepakit.protocols import MaskInput
from jepakit.seeds import generator
from jepakit.training.runs import build_model as build_from
from worlds.scenes import LAYOUTS, sample, simulate

RECIPES = Path(__file__).resolve().parent.parent / "configs" / "cjepa"


def build_model(config: str, **changes: Any) -> CausalJEPA:
    """The model of ``configs/cjepa/<config>.yaml``, with some arguments changed."""
    model = yaml.safe_load((RECIPES / f"{config}.yaml").read_text())["model"]
    model["init_args"] |= changes
    torch.manual_seed(0)
    built = build_from(model)
    assert isinstance(built, CausalJEPA)
    return built


def scene_batches(model: CausalJEPA, batch_size: int, *, count: int, seed: int = 0) -> list[SceneBatch]:
    """Masked batches of designed scenes in the size that the model takes."""
    return [_scene_batch(model, batch_size, seed + number) for number in range(count)]


def _scene_batch(model: CausalJEPA, batch_size: int, seed: int) -> SceneBatch:
    request = model.request
    layouts = list(LAYOUTS)
    clips = [
        simulate(
            sample(layouts[(seed + i) % len(layouts)], seed * batch_size + i),
            frames=request.frames,
            rate=4.0,
            size=request.size[0],
        )
        for i in range(batch_size)
    ]
    labels = torch.from_numpy(np.stack([clip.labels for clip in clips]))
    objects = max(max(clip.identities) for clip in clips)
    ids = torch.arange(1, objects + 1, dtype=torch.uint8).view(1, -1, 1, 1, 1)
    hit = (labels.unsqueeze(1) == ids).float()
    u, p = request.tubelet, request.patch
    blocks = hit.unfold(2, u, u).unfold(3, p, p).unfold(4, p, p).mean(dim=(-1, -2, -3))
    batch = SceneBatch(
        frames=torch.from_numpy(np.stack([clip.frames for clip in clips])),
        coverage=(blocks * 255).ceil().to(torch.uint8),
        keys=tuple(f"{clip.designed.layout}-{clip.designed.seed}" for clip in clips),
        labels=labels,
    )
    assert model.masker is not None
    samples = [
        model.masker(MaskInput(coverage, frames), generator(seed, key))
        for coverage, frames, key in zip(batch.coverage, batch.frames, batch.keys, strict=True)
    ]
    return dataclasses.replace(batch, masks=mask_batch(samples, request.grid))
