"""Real clips for tests that train, made once per session, and what such tests leave behind.

Imports are inside: tests of the worlds should not wait for torch.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from lightning.pytorch import Callback
    from tiny_runs import Train

    from jepakit.training.cli import TrainCLI


@pytest.fixture(autouse=True)
def _loggers_keep_their_levels() -> Iterator[None]:
    """``train.py`` quietens Lightning, and would do so for all tests after it."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 training clips in 3 shards and 6 validation clips, each with a re-simulation."""
    from data_prep.job import Job
    from data_prep.simulated.scenes import scenes

    folder = tmp_path_factory.mktemp("shards")
    scenes(
        str(folder),
        clips=24,
        val_clips=6,
        frames=4,
        size=32,
        image="png",
        counterfactuals="one",
        job=Job(shard_items=8),
    )
    return folder


@pytest.fixture
def train(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """``train(NAME, *OPTIONS)`` trains a tiny model into ``runs/NAME`` of an empty folder."""
    from tiny_runs import start, tiny_config

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    Path("tiny.yaml").write_text(yaml.safe_dump(tiny_config(shards)))

    def run(name: str, *options: str, callbacks: Sequence[Callback] = ()) -> TrainCLI:
        return start(["--config", "tiny.yaml", "--name", name, *options], callbacks)

    return run
