"""Runs the preparation of robot data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep.trajectories.command import trajectories
from jepakit.data.shard_reader import ShardReader


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., ShardReader]:
    """Runs the command and reads what it wrote."""

    def run(src: Path, out: str = "out", **options: Any) -> ShardReader:
        settings = {"frames": 4, "size": 16, "image": "png", "val_share": 0.0, "licence": "CC0-1.0"}
        trajectories(str(src), str(tmp_path / out), **{**settings, **options})
        return ShardReader(str(tmp_path / out))

    return run
