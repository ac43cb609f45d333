from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from toy_training import ToyModule, fit

from jepakit.training.callbacks import FailureReport, Progress, RunRecord, progress
from jepakit.training.callbacks.dry_run import DryRun
from jepakit.training.finite_guard import NonFiniteStepError
from jepakit.training.metrics_file import MetricsFile


def shown_by(callback: Progress, *, terminal: bool) -> io.StringIO:
    text = io.StringIO()
    callback.console = Console(file=text, force_terminal=terminal, width=120)
    return text


def test_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    callback = Progress(every_seconds=0.0)
    text = shown_by(callback, terminal=False)
    fit(3, callbacks=[callback], logger=MetricsFile(tmp_path / "m.csv"), log_every_n_steps=1)
    lines = text.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3", "3/3"]
    assert "loss" in lines[2]
    assert "took 0:00:0" in lines[-1]


def test_few_lines_by_default() -> None:
    callback = Progress()
    text = shown_by(callback, terminal=False)
    fit(3, callbacks=[callback])
    assert len(text.getvalue().splitlines()) == 1


def test_a_bar_on_a_terminal_that_is_closed_by_an_error(tmp_path: Path) -> None:
    callback = Progress()
    text = shown_by(callback, terminal=True)
    logger = MetricsFile(tmp_path / "m.csv")
    with pytest.raises(NonFiniteStepError):
        fit(
            9, model=ToyModule(bad_step=5), callbacks=[callback], logger=logger, log_every_n_steps=1
        )
    assert "5/9" in text.getvalue()
    assert "loss" in text.getvalue()
    assert callback._bar is None


def test_clock() -> None:
    assert progress._clock(3725.4) == "1:02:05"


def test_failure_names_step_keys_and_the_bad_loss(tmp_path: Path) -> None:
    with (
        pytest.warns(UserWarning, match="batch keys and losses of step 2"),
        pytest.raises(NonFiniteStepError),
    ):
        fit(4, model=ToyModule(bad_step=2), callbacks=[FailureReport(tmp_path / "failures")])
    report = json.loads((tmp_path / "failures" / "step-00000002-rank-0.json").read_text())
    assert (report["step"], report["rank"]) == (2, 0)
    (batch,) = report["batches"]
    assert batch["keys"] == ["clip-8", "clip-9", "clip-10", "clip-11"]
    assert math.isinf(batch["losses"]["prediction"])


def test_other_errors_are_not_reported(tmp_path: Path) -> None:
    class Broken(ToyModule):
        def loss(self, batch: Any) -> Any:
            raise RuntimeError("unrelated")

    with pytest.raises(RuntimeError, match="unrelated"):
        fit(1, model=Broken(), callbacks=[FailureReport(tmp_path / "failures")])
    assert not list(tmp_path.iterdir())


def test_record_keeps_every_start(tmp_path: Path) -> None:
    for _ in range(2):
        fit(1, callbacks=[RunRecord(tmp_path / "run" / "run.json", config="model: 1\n")])
    assert (tmp_path / "run" / "config.yaml").read_text() == "model: 1\n"
    starts = json.loads((tmp_path / "run" / "run.json").read_text())["starts"]
    assert len(starts) == 2
    assert starts[0]["data"] == {"samples": 0}
    assert starts[0]["versions"]["torch"].startswith("2.")


def test_dry_run_shows_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    fit(1, callbacks=[DryRun()])
    shown = capsys.readouterr().out
    assert "student parameters" in shown
    assert "0 trained, 6,328 frozen" in shown
    assert "(4, 2, 8, 8, 3) uint8" in shown
    assert "1.505e+05" in shown
