"""What a table says of the code that made it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_table import calls, make, write_repository

from jepakit.evals.tables import stage
from jepakit.training.versions import code_version

OUT = "runs/tables/toy_mini"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_repository(tmp_path)


def test_a_table_names_the_code_of_its_commands(root: Path) -> None:
    result, _ = make(root, seeds=1)
    assert result.facts["code"] == f"jepakit {code_version()}"
    assert result.facts["software"].startswith("python 3.")
    assert "jepakit" not in result.facts["software"]
    assert f"- **code**: jepakit {code_version()}" in (root / OUT / "table.md").read_text()


def test_commands_of_several_commits_are_told_apart(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, seeds=1)
    monkeypatch.setattr(stage, "code_version", lambda: "9.9 (later)")
    (root / OUT / "runs" / "less-s0" / "checkpoints" / "last.ckpt").unlink()
    result, _ = make(root, seeds=1)
    assert result.facts["code"] == f"jepakit {code_version()}, jepakit 9.9 (later)"


def test_code_that_changes_while_a_table_is_made_is_noticed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command is a process of its own, and runs what is there when it starts."""
    codes = iter(["1 (a)", "1 (b)", "1 (b)", "1 (b)"])
    monkeypatch.setattr(stage, "code_version", lambda: next(codes))
    result, _ = make(root, seeds=1)
    assert result.facts["code"] == "jepakit 1 (b), jepakit 1 (a)"


def test_records_from_before_codes_were_kept_are_read_and_told(root: Path) -> None:
    make(root, seeds=1)
    path = root / OUT / "runs" / "full-s0" / "stages" / "train.json"
    record = json.loads(path.read_text())
    del record["code"]
    path.write_text(json.dumps(record))
    before = calls(root)
    result, _ = make(root, seeds=1)
    assert calls(root) == before
    assert result.facts["code"].endswith(", not recorded for 1 of 4 commands")
