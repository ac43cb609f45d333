"""Small data sets of episodes whose every number says where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepakit.actions import ActionSpace, StateChange
from jepakit.data.manifest import Description, Manifest, merge_manifest
from jepakit.data.members import encode_sample
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample
from jepakit.data.shard_writer import write_shard

SPACE = ActionSpace(
    ("dx", "dy"), (-1.0, -1.0), (1.0, 1.0), ("x", "y"), (StateChange((0, 1), (0, 1)),)
)
FORM = ClipFormat(frames=8, height=16, width=16, patch=8, tubelet=1, image="png")


def episode(key: str, form: ClipFormat = FORM, *, first: float = 0.0) -> Sample:
    """Frame ``i`` is full of ``i``, action ``i`` is ``first + i + 0.5``, state ``i`` is ``i``."""
    steps = np.arange(form.frames)
    frames = np.broadcast_to(steps[:, None, None, None], (*form.shape, 3)).astype(np.uint8)
    frames = frames + np.random.default_rng(list(key.encode())).integers(0, 99, (1, 1, 1, 3))
    actions = np.stack([first + steps + 0.5, -(first + steps + 0.5)], axis=1).astype("<f4")
    states = np.zeros((form.frames, 2, 6), "<f4")
    states[:, 0, :2] = np.stack([first + steps, -(first + steps)], axis=1)
    states[:, 1] = 99.0
    table = [{"id": 1, "kind": "agent"}, {"id": 2, "kind": "block"}]
    meta = build_meta(key, form, source="noise", licence="CC0-1.0", fps=4.0, objects=table)
    labels = np.ones(form.shape, np.uint8)
    labels[:, :4] = 2
    return Sample(key, frames.astype(np.uint8), labels, meta, states=states, actions=actions)


def write_episodes(
    folder: Path,
    sizes: dict[str, list[int]],
    form: ClipFormat = FORM,
    *,
    space: ActionSpace | None = SPACE,
    proprio: tuple[int, tuple[int, ...]] | None = (0, (0, 1)),
    **changes: Any,
) -> Manifest:
    """Episodes ``ep-SPLIT-SHARD-NUMBER``; the numbers of each start at a thousand of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    description = Description(
        "noise", "tests/1", ("CC0-1.0",), form, actions=space, proprio=proprio
    )
    names = []
    for split, counts in sizes.items():
        for shard, count in enumerate(counts):
            plain = (
                episode(f"ep-{split}-{shard}-{i}", form, first=1000.0 * i) for i in range(count)
            )
            samples = (encode_sample(replace(sample, **changes), form) for sample in plain)
            name = f"{split}-{shard:06d}"
            write_shard(folder, name, samples, split=split, spec=description.digest(name))
            names.append(name)
    return merge_manifest(folder, description, names)


@pytest.fixture
def make_episodes() -> Callable[..., Manifest]:
    return write_episodes


@pytest.fixture
def make_episode() -> Callable[..., Sample]:
    return episode


@pytest.fixture
def space() -> ActionSpace:
    return SPACE


@pytest.fixture
def episode_form() -> ClipFormat:
    return FORM
