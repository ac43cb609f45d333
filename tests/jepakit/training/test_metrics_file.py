from __future__ import annotations

import math
from pathlib import Path

from jepakit.training.metrics_file import MetricsFile, read_metrics


def test_values_come_back_exactly(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "run" / "metrics.csv")
    file.path.parent.mkdir()
    file.log_metrics({"train/loss": 0.1 + 0.2, "epoch": 0}, step=9)
    file.log_metrics({"val/loss": math.nan, "train/loss": 1e-30}, step=19)
    curves = read_metrics(file.path)
    assert curves["train/loss"] == ([9, 19], [0.1 + 0.2, 1e-30])
    assert math.isnan(curves["val/loss"][1][0])
    assert "epoch" not in curves
    assert file.latest["train/loss"] == 1e-30
    assert (file.name, file.version) == ("run", "")


def test_rewind_drops_later_steps_and_a_half_written_line(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "metrics.csv")
    for step in range(4):
        file.log_metrics({"a": step}, step=step)
    with file.path.open("a") as stream:
        stream.write("4,a")
    file.rewind(2)
    file.log_metrics({"a": 20}, step=2)
    assert read_metrics(file.path) == {"a": ([0, 1, 2], [0.0, 1.0, 20.0])}


def test_rewind_without_a_file(tmp_path: Path) -> None:
    MetricsFile(tmp_path / "metrics.csv").rewind(3)
    assert not list(tmp_path.iterdir())
