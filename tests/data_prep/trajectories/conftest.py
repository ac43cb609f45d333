"""Runs the preparation of robot data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from data_prep.job import Job
from data_prep.trajectories.command import ClipShape, Reading, trajectories
from jepakit.data.shard_reader import ShardReader


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., ShardReader]:
    """Runs the command and reads what it wrote."""

    def run(src: Path, out: str = "out", **options: Any) -> ShardReader:
        options = {"frames": 4, "size": 16, "image": "png", "val_share": 0.0} | options
        options |= {"licence": "CC0-1.0"}
        for group, kind in (("reading", Reading), ("shape", ClipShape), ("job", Job)):
            names = {field.name for field in fields(kind)}
            options[group] = kind(**{name: options.pop(name) for name in names & options.keys()})
        trajectories(str(src), str(tmp_path / out), **options)
        return ShardReader(str(tmp_path / out))

    return run
