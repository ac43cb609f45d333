"""``evaluate.py phyre``: AUCCESS on the official PHYRE folds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# Everything else is imported when called, so that `--help` does not wait for torch.

Setup = Literal[
    "ball_cross_template",
    "ball_within_template",
    "two_balls_cross_template",
    "two_balls_within_template",
]


@dataclass(frozen=True)
class PhyreOptions:
    """How PHYRE is measured.

    Args:
        setup: Tier of the tasks, and whether templates or only tasks are new in the test part.
        tasks: tasks.bin.lzma; by default where `python -m worlds.phyre.fetch` puts it.
        tasks_per_template: Tasks of each template in each part of a fold; 0 takes all.
        actions: Valid actions per task that agents learn from and rank; use more than 100.
        bank: Folder that keeps simulated actions for later evaluations of any run.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        negatives: Unsolved actions that probes learn from for each solved one.
        untrained: Draws of the untrained network's weights.
        pixels: Side of the shrunk pictures of the pixel control.
        draws: Bootstrap draws, of tasks and of folds.
        seed: Of the actions, the probes and the bootstrap.
        workers: Simulating processes; 0 simulates in this one.
        batch_size: Pictures per forward pass.
        device: Where encoders run; auto takes a GPU where there is one.
    """

    setup: Setup = "ball_cross_template"
    tasks: str | None = None
    tasks_per_template: int = 10
    actions: int = 200
    bank: str = "datasets/phyre_actions"
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    negatives: int = 4
    untrained: int = 1
    pixels: int = 16
    draws: int = 2000
    seed: int = 0
    workers: int = 0
    batch_size: int = 64
    device: str = "auto"


OPTIONS = PhyreOptions()  # as they are by default


def phyre(
    run: str,
    *,
    folds: Sequence[int] = (0,),
    options: PhyreOptions = OPTIONS,
    out: str | None = None,
) -> None:
    """AUCCESS on the official PHYRE folds: a probe of frozen features against five controls.

    Controls: the untrained network, the pixels, memory of what solved other tasks (two kinds), and
    random actions. Writes phyre_SETUP.json and phyre_SETUP.md.

    Args:
        run: The run folder.
        folds: Official folds, 0 to 9; papers report the mean over all ten.
        options: How PHYRE is measured.
        out: Folder of the results; the run folder if not given.
    """
    from rich.console import Console
    from rich.progress import Progress

    from jepakit.evals.phyre.actions import ActionBank
    from jepakit.evals.phyre.console import print_phyre
    from jepakit.evals.phyre.entrants import PhyreProbes, entrants_of
    from jepakit.evals.phyre.evaluation import check, evaluate, fold_banks, official_tasks
    from jepakit.evals.phyre.result import PhyreSettings

    o = options
    settings = PhyreSettings(
        o.setup, tuple(folds), o.tasks_per_template, o.actions, draws=o.draws, seed=o.seed
    )
    probes = PhyreProbes(
        o.checkpoint, o.encoder, o.negatives, o.untrained, o.pixels, o.batch_size, o.device, o.seed
    )
    try:
        check(settings)
        with Progress(transient=True) as progress:
            entrants = entrants_of(Path(run), probes, progress)
            every = official_tasks(o.tasks)
            stored = ActionBank(o.bank, seed=o.seed, workers=o.workers)
            parts = fold_banks(every, stored, settings, progress)
            source = {"run": f"{Path(run).name}, {o.checkpoint} checkpoint"}
            result = evaluate(entrants, parts, settings, source=source, progress=progress)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py phyre: {error}")
    print_phyre(result)
    paths = result.write(Path(out or run))
    Console().print("Written:", *map(str, paths), highlight=False)
