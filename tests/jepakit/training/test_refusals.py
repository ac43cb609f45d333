from __future__ import annotations

from pathlib import Path

import pytest

from jepakit.training.refusals import last_words


@pytest.fixture
def error() -> ValueError:
    try:
        raise ValueError("batch_size must be above 0, got 0.")
    except ValueError as caught:
        return caught


def test_before_there_is_a_run_the_message_stands_alone(error: ValueError, tmp_path: Path) -> None:
    failures = tmp_path / "run" / "failures"
    assert last_words(error, failures, rank=0) == "error: batch_size must be above 0, got 0."
    assert not failures.parent.exists()


def test_a_run_keeps_the_traceback(error: ValueError, tmp_path: Path) -> None:
    told = last_words(error, tmp_path / "failures", rank=3)
    assert told.startswith("error: batch_size must be above 0, got 0.\n(The traceback is in ")
    text = (tmp_path / "failures" / "traceback-rank-3.txt").read_text()
    assert text.startswith("Traceback")
    assert 'raise ValueError("batch_size must' in text


def test_where_nothing_can_be_written_the_message_is_still_told(
    error: ValueError, tmp_path: Path
) -> None:
    (tmp_path / "failures").write_text("a file in the way")
    assert last_words(error, tmp_path / "failures", rank=0) == f"error: {error}"
