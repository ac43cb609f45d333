"""Runs that one table of toy programs trained, and another needs."""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path

import pytest
import yaml
from toy_table import TABLE, calls, changed, make, write_repository

from jepakit.evals.tables.make_table import MakeTable, TableOptions

OUT = "runs/tables/toy_mini"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_repository(tmp_path)


def test_another_table_takes_over_what_is_trained(root: Path) -> None:
    make(root, seeds=1)
    rows = {"whole": TABLE["rows"]["full"], "lazy": {"name": "Lazy", "options": {"skill": 0}}}
    other = changed(TABLE, reference="whole", rows=rows)
    (root / "configs" / "tables" / "other.yaml").write_text(yaml.safe_dump(other))
    before = calls(root)
    result, _ = MakeTable("other", "mini", TableOptions(seeds=2), root)()
    fresh = ["lazy-s0", "whole-s1", "lazy-s1"]
    assert calls(root)[len(before) :] == [f"{w} {r}" for r in fresh for w in ("train", "score")]
    assert result.cells["whole", "score"].by_seed == {0: 7.0, 1: 10.0}
    assert result.facts["time"].endswith("; trainings of toy_mini: 1")
    before = calls(root)
    make(root, seeds=2)  # takes the second seed of the whole in turn
    assert calls(root)[len(before) :] == ["train less-s1", "score less-s1"]


def test_only_what_is_done_as_described_is_taken_over(root: Path) -> None:
    (root / "broken_measure").touch()
    make(root, seeds=1)
    (root / "broken_measure").unlink()
    result, _ = make(root, seeds=1, out="runs/tables/again")
    assert calls(root)[-2:] == ["score full-s0", "score less-s0"]
    assert calls(root).count("train full-s0") == 1
    run = root / "runs/tables/again/runs/full-s0"
    assert json.loads((run / "stages/train.json").read_text())["taken_from"] == "toy_mini"
    assert json.loads((run / "stages/score.json").read_text())["taken_from"] == ""
    assert result.cells["full", "score"].by_seed == {0: 7.0}


def test_incomplete_runs_and_runs_at_work_are_not_taken_over(root: Path) -> None:
    make(root, seeds=1)
    (root / OUT / "runs/less-s0/checkpoints/last.ckpt").unlink()
    with (root / OUT / "locks/full-s0.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        make(root, seeds=1, out="runs/tables/again")
    assert calls(root)[4:] == calls(root)[:4]
    shutil.rmtree(root / OUT / "runs/less-s0")
    before = calls(root)
    make(root, seeds=1)  # from the other table now
    assert calls(root) == before
