"""``evaluate.py interventions``: what predictions say of scenes without an object."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal


def interventions(
    run: str,
    *,
    data: str,
    train_split: str = "train",
    test_split: str = "val",
    checkpoint: Literal["last", "best"] = "last",
    removals: int = 3,
    effective: bool = False,
    seeds: int = 3,
    draws: int = 2000,
    seed: int = 0,
    device: str = "auto",
    out: str | None = None,
) -> None:
    """Probe what a model predicts of scenes without an object, against the plain probe.

    Beside them an oracle that sees the true re-simulation. Writes interventions.json, .md and .png.

    Args:
        run: The run folder of a model that predicts what a removal changes.
        data: A data set of clips simulated again without each object.
        train_split: Clips that probes learn from.
        test_split: Clips that they are judged on; no scene may be in both.
        checkpoint: The last state, or the one with the best monitored value.
        removals: Removals of each clip, drawn at random.
        effective: Draw only among removals that visibly change another object.
        seeds: Repetitions; each has its own untrained twin and its own selection part.
        draws: Bootstrap draws, of whole scenes.
        seed: Of the draw of removals.
        device: Where the model runs; auto takes a GPU where there is one.
        out: Folder of the results; the run folder if not given.
    """
    from rich.progress import Progress

    from jepakit.evals.probes.probe_result import ProbeSettings
    from jepakit.evals.removals.intervention_result import print_interventions
    from jepakit.evals.removals.interventional_probe import InterventionOptions, RunInterventions

    options = InterventionOptions(
        checkpoint, train_split, test_split, removals, effective, seed, device
    )
    settings = ProbeSettings(seeds=seeds, draws=draws)
    try:
        subject = RunInterventions(Path(run), data, options=options, settings=settings)
        with Progress(transient=True) as progress:
            result = subject.measure(progress)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py interventions: {error}")
    print_interventions(result)
    print("Written:", *result.write(Path(out or run)))  # noqa: T201
