"""``evaluate.py report``: one page about a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal


def report(
    run: str,
    *,
    data: str,
    split: str = "val",
    checkpoint: Literal["last", "best"] = "last",
) -> None:
    """One self-contained page about a run: report.html in its folder.

    Args:
        run: The run folder.
        data: The data set whose clips are shown.
        split: Clips that pictures are taken of.
        checkpoint: The last state, or the one with the best monitored value.
    """
    from jepakit.evals.run_report import RunReport

    try:
        page = RunReport(Path(run), data, split=split, checkpoint=checkpoint)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py report: {error}")
    print("Written:", page.write())  # noqa: T201
