"""Small data sets for the tests of shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepakit.data.manifest import Description, Manifest, merge_manifest
from jepakit.data.members import encode_sample
from jepakit.data.metadata import build_meta
from jepakit.data.schema import CONTACTS, ClipFormat, Counterfactual, Sample
from jepakit.data.shard_writer import write_shard

FORM = ClipFormat(frames=4, height=32, width=32, patch=8, tubelet=2, image="png")


def sample_of(
    key: str, form: ClipFormat = FORM, *, objects: int = 2, counterfactuals: int = 0, seed: int = 0
) -> Sample:
    random = np.random.default_rng([seed, *key.encode()])
    labels = np.zeros(form.shape, np.uint8)
    side = max(1, form.height // 4)
    for identity in range(1, objects + 1):
        row, column = random.integers(0, form.height - side, 2)
        labels[:, row : row + side, column : column + side] = identity
    frames = random.integers(0, 256, (*form.shape, 3), dtype=np.uint8)
    others = {}
    for identity in range(1, counterfactuals + 1):
        without = np.where(labels == identity, 0, labels).astype(np.uint8)
        others[identity] = Counterfactual(255 - frames, without)
    meta = build_meta(
        key,
        form,
        source="noise",
        licence="CC0-1.0",
        fps=8.0,
        objects=[{"id": i, "kind": "square"} for i in range(1, objects + 1)],
        labels={"solved": float(objects % 2), "end_x": float(random.random())},
    )
    return Sample(
        key=key,
        frames=frames,
        labels=labels,
        meta=meta,
        counterfactuals=others,
        states=random.normal(size=(form.frames, objects, 6)).astype("<f4"),
        contacts=np.array([(3, 0, 1, 0.5)], dtype=CONTACTS),
    )


def write_set(
    folder: Path,
    sizes: dict[str, list[int]],
    form: ClipFormat = FORM,
    *,
    prefix: str = "clip",
    **options: Any,
) -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    description = Description(
        source="noise",
        generator="tests/1",
        licences=("CC0-1.0",),
        form=form,
        label_kinds={"solved": "binary", "end_x": "regression"},
        mirrored=("end_x",),
    )
    names = []
    for split, counts in sizes.items():
        for shard, count in enumerate(counts):
            name = f"{split}-{shard:06d}"
            samples = (
                encode_sample(sample_of(f"{prefix}-{split}-{shard}-{i}", form, **options), form)
                for i in range(count)
            )
            write_shard(folder, name, samples, split=split, spec=description.digest(name))
            names.append(name)
    return merge_manifest(folder, description, names)


@pytest.fixture
def make_sample() -> Callable[..., Sample]:
    return sample_of


@pytest.fixture
def make_set() -> Callable[..., Manifest]:
    return write_set


@pytest.fixture
def form() -> ClipFormat:
    return FORM
