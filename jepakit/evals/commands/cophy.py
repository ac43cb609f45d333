"""``evaluate.py cophy``: where objects would have been, had one of them been elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

from jepakit.evals.cophy.options import CophyOptions

# Everything else is imported when called, so that `--help` does not wait for torch.

OPTIONS = CophyOptions()  # as they are by default


def cophy(run: str, *, data: str, options: CophyOptions = OPTIONS, out: str | None = None) -> None:
    """Predict the outcome of a changed scene (CoPhy): squared error of positions in m^2.

    Controls: the same network untrained, the pixels, a head that sees no clip, copies of what is
    known, and re-simulations. Writes cophy.json, .md, .png and scores/cophy_TASK.json.

    Args:
        run: The run folder.
        data: A data set of pairs of clips.
        options: How it is measured.
        out: Folder of the results; the run folder if not given.
    """
    from rich.progress import Progress

    from jepakit.evals.cophy.result import print_cophy
    from jepakit.evals.cophy.run_cophy import RunCophy

    try:
        subject = RunCophy(Path(run), data, options=options)
        with Progress(transient=True) as progress:
            result = subject.measure(progress)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py cophy: {error}")
    print_cophy(result)
    print("Written:", *result.write(Path(out or run)))  # noqa: T201
