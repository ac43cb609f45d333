"""Models of shipped recipes, and batches of real clips for them."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml

from cjepa import CausalJEPA
from jepakit.batch import BatchRequest, SceneBatch
from jepakit.data.coverage import coverage_of
from jepakit.masks import mask_batch
from jepakit.protocols import MaskInput
from jepakit.seeds import derive_seed, generator
from jepakit.training.runs import build_model as build_from
from worlds.phyre import Status, Task, find_tasks, load_tasks, simulate
from worlds.scenes import LAYOUTS, sample
from worlds.scenes import simulate as play

RECIPES = Path(__file__).resolve().parent.parent / "configs" / "cjepa"


class Clip(NamedTuple):
    """Frames and label maps of one clip, and how many objects it has."""

    key: str
    frames: np.ndarray
    labels: np.ndarray
    objects: int


def build_model(config: str, **changes: Any) -> CausalJEPA:
    """The model of ``configs/cjepa/<config>.yaml``, with some arguments changed."""
    model = yaml.safe_load((RECIPES / f"{config}.yaml").read_text())["model"]
    model["init_args"] |= changes
    torch.manual_seed(0)
    built = build_from(model)
    assert isinstance(built, CausalJEPA)
    return built


def masked_batches(model: CausalJEPA, batch_size: int, *, count: int) -> list[SceneBatch]:
    """Masked batches in the size that the model takes: PHYRE attempts, or else designed scenes."""
    return [_masked_batch(model, batch_size, seed) for seed in range(count)]


def _masked_batch(model: CausalJEPA, batch_size: int, seed: int) -> SceneBatch:
    request, masker = model.request, model.masker
    assert masker is not None
    make = _phyre_clip if find_tasks() else _scene_clip
    clips = [make(request, derive_seed("bench", seed, i)) for i in range(batch_size)]
    objects = max(clip.objects for clip in clips)
    coverage = torch.stack(
        [
            torch.from_numpy(
                coverage_of(clip.labels, objects, patch=request.patch, tubelet=request.tubelet)
            )
            for clip in clips
        ]
    )
    frames = torch.from_numpy(np.stack([clip.frames for clip in clips]))
    batch = SceneBatch(
        frames=frames,
        coverage=coverage,
        keys=tuple(clip.key for clip in clips),
        labels=torch.from_numpy(np.stack([clip.labels for clip in clips])),
    )
    samples = [
        masker(MaskInput(coverage[i], frames[i]), generator(seed, key))
        for i, key in enumerate(batch.keys)
    ]
    return dataclasses.replace(batch, masks=mask_batch(samples, request.grid))


@cache
def _ball_tasks() -> list[Task]:
    path = find_tasks()
    assert path is not None
    return [task for name, task in load_tasks(path).items() if name < "00025"]


def _phyre_clip(request: BatchRequest, seed: int) -> Clip:
    """A valid action drawn at random in a task of the ball tier, a frame per second."""
    rng = np.random.default_rng(seed)
    tasks = _ball_tasks()
    while True:
        task = tasks[rng.integers(len(tasks))]
        run = simulate(task, rng.random(3).tolist(), stride=60, stop_when_solved=False)
        if run.status is not Status.INVALID:
            size, frames = request.size[0], request.frames
            labels = run.label_maps(size)[:frames]
            return Clip(task.identity, run.frames(size)[:frames], labels, max(run.identities))


def _scene_clip(request: BatchRequest, seed: int) -> Clip:
    layout = list(LAYOUTS)[seed % len(LAYOUTS)]
    clip = play(sample(layout, seed), frames=request.frames, rate=4.0, size=request.size[0])
    return Clip(f"{layout}-{seed}", clip.frames, clip.labels, max(clip.identities))
