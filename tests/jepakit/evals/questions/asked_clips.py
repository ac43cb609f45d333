"""Clips of one coloured half and one black half, with questions that only the clip can answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import run_folders
from run_folders import causal_jepa

from jepakit.data.manifest import Description, merge_manifest
from jepakit.data.members import encode_sample
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample
from jepakit.data.shard_writer import write_shard

FORM = ClipFormat(frames=4, height=16, width=16, patch=8, tubelet=2, image="png")
ENCODER = {"width": 24, "depth": 1, "heads": 2, "frames": 4, "size": 16, "patch": 8, "tubelet": 2}
COLOURS = ("red", "green", "blue")
SIDES = ("left", "right")


def questions_about(colour: int, side: int) -> list[dict[str, Any]]:
    """Two kinds: which colour the coloured half has, and whether a half is the coloured one."""
    which = {"question": "What is the color of the bright half?", "answer": COLOURS[colour]}
    asked = [which | {"question_type": "Descriptive", "family": "descriptive_color"}]
    for number, name in enumerate(SIDES):
        answer = str(number == side)
        text = f"Is the bright half on the {name}?"
        asked.append({"question": text, "answer": answer, "question_type": "Cause"})
    return [question | {"question_index": 7 + i} for i, question in enumerate(asked)]


def clip(key: str, number: int, **details: Any) -> Sample:
    """A clip, its colour and side by its number."""
    colour, side = number % 3, number // 3 % 2
    frames = np.zeros((*FORM.shape, 3), np.uint8)
    frames[:, :, 8 * side : 8 * side + 8, colour] = 200
    asked = {"group": f"group-{key}", "questions": questions_about(colour, side)}
    meta = build_meta(
        key,
        FORM,
        source="halves",
        licence="CC0-1.0",
        fps=float(details.pop("fps", 2.0)),
        objects=[],
        details=asked | details,
    )
    return Sample(key=key, frames=frames, labels=np.zeros(FORM.shape, np.uint8), meta=meta)


def write_clips(folder: Path, splits: dict[str, list[Sample]]) -> Path:
    """A data set of these clips."""
    folder.mkdir(parents=True)
    description = Description("halves", "tests/1", ("CC0-1.0",), FORM)
    for split, samples in splits.items():
        encoded = (encode_sample(sample, FORM) for sample in samples)
        write_shard(folder, f"{split}-0", encoded, split=split, spec=description.digest(split))
    merge_manifest(folder, description, [f"{split}-0" for split in splits])
    return folder


def halves(folder: Path, *, train: int = 24, test: int = 12, **details: Any) -> Path:
    """A data set with as many clips."""
    sizes = {"train": train, "test": test}
    return write_clips(
        folder,
        {
            split: [clip(f"{split}-{n}", n, **details) for n in range(size)]
            for split, size in sizes.items()
        },
    )


def write_run(folder: Path, **more: Any) -> Path:
    """The run folder of an untrained tiny model."""
    return run_folders.write_run(folder, {"model": causal_jepa(ENCODER), **more})
