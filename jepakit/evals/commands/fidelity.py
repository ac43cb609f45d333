"""``evaluate.py fidelity``: whether predicted effects find the objects that truly change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal


def fidelity(
    run: str,
    *,
    data: str,
    split: str = "val",
    checkpoint: Literal["last", "best"] = "last",
    candidates: Literal["all", "movable"] = "all",
    seeds: int = 3,
    draws: int = 2000,
    seed: int = 0,
    device: str = "auto",
    out: str | None = None,
) -> None:
    """Rank the objects of a scene by the predicted residual against what a removal truly changes.

    Controls: untrained twins, attention, gradients, and how near, moving and large objects are.
    Writes fidelity.json, fidelity.md and fidelity.png.

    Args:
        run: The run folder of a model that predicts what a removal changes.
        data: A data set of clips simulated again without each object.
        split: Clips that are measured.
        checkpoint: The last state, or the one with the best monitored value.
        candidates: Rank all other objects, or only those that can move.
        seeds: Untrained twins of the model.
        draws: Bootstrap draws, of whole scenes.
        seed: Of the draws and of the gradient's directions.
        device: Where the model runs; auto takes a GPU where there is one.
        out: Folder of the results; the run folder if not given.
    """
    from rich.progress import Progress

    from jepakit.evals.removals.causal_fidelity import FidelityOptions, RunFidelity
    from jepakit.evals.removals.fidelity_result import print_fidelity

    options = FidelityOptions(split, checkpoint, candidates, seeds, draws, seed, device)
    try:
        with Progress(transient=True) as progress:
            result = RunFidelity(Path(run), data, options=options).measure(progress)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py fidelity: {error}")
    print_fidelity(result)
    print("Written:", *result.write(Path(out or run)))  # noqa: T201
