"""Scores on the terminal."""

import io

from made_up_probes import probe_result
from rich.console import Console

from jepakit.evals.probes.probe_console import print_probe


def test_prints_scores_intervals_and_reasons():
    console = Console(file=io.StringIO(), width=100)
    print_probe(probe_result(), console)
    printed = console.file.getvalue()
    assert "AUROC (higher is better)" in printed
    assert "[0.550, 0.650] *" in printed
    assert "Not scored: rare (binary): 3 positive clips" in printed
    assert "R²" not in printed
