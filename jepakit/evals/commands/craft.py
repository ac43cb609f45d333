"""``evaluate.py craft``: questions about clips, answered from frozen features."""

from __future__ import annotations

import sys
from pathlib import Path

from jepakit.evals.questions.options import CraftOptions

# Everything else is imported when called, so that `--help` does not wait for torch.

OPTIONS = CraftOptions()  # as they are by default


def craft(run: str, *, data: str, options: CraftOptions = OPTIONS, out: str | None = None) -> None:
    """Answer CRAFT's (or CRAFT-like) questions about clips from frozen features.

    Controls: the same network untrained, the pixels, the words alone, and the most frequent answer.
    Writes craft.json, craft.md, craft.png and scores/craft.json.

    Args:
        run: The run folder.
        data: A data set whose clips carry questions.
        options: How questions are answered.
        out: Folder of the results; the run folder if not given.
    """
    from rich.progress import Progress

    from jepakit.evals.questions.result import print_craft
    from jepakit.evals.questions.run_craft import RunCraft

    try:
        subject = RunCraft(Path(run), data, options=options)
        with Progress(transient=True) as progress:
            result = subject.measure(progress)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py craft: {error}")
    print_craft(result)
    print("Written:", *result.write(Path(out or run)))  # noqa: T201
