from pathlib import Path

import pytest

import data_prep.simulated.demo as subject
from jepakit.data.shard_reader import ShardReader


def test_without_the_task_file_designed_scenes_serve_and_the_data_set_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(destination: Path) -> Path:
        raise ValueError("no network")

    monkeypatch.setattr(subject, "find_tasks", lambda: None)
    monkeypatch.setattr(subject, "fetch", offline)
    subject.demo(str(tmp_path / "demo"), clips=8, workers=1)
    description = ShardReader(str(tmp_path / "demo")).manifest.description
    assert description.source == "designed interaction scenes"
    assert description.settings["note"].endswith("take their place: no network")


def test_a_missing_task_file_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(subject, "find_tasks", lambda: None)
    monkeypatch.setattr(subject, "fetch", lambda destination: asked.append(destination))
    assert subject.missing_tasks() is None
    assert asked == [subject.PLACES[0].parent]
