"""``evaluate.py predict``: how well a world model imagines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal


def predict(
    run: str,
    *,
    data: str,
    steps: Sequence[int] = (1, 5, 10),
    checkpoint: Literal["last", "best"] = "last",
    split: str = "val",
    windows: int = 1,
    batch_size: int = 32,
    draws: int = 2000,
    seed: int = 0,
    device: str = "auto",
    out: str | None = None,
) -> None:
    """How well a world model imagines held-out episodes, against three controls.

    Controls: a copy of the last frame's latents, the mean latent, and the model with the actions of
    other episodes. Writes prediction.json and prediction.png.

    Args:
        run: The run folder.
        data: The data set of episodes.
        steps: How far ahead.
        checkpoint: The last state, or the one with the best monitored value.
        split: Episodes that are predicted.
        windows: Windows of each episode, evenly spread.
        batch_size: Windows that are imagined at once, about.
        draws: Bootstrap draws, of whole episodes.
        seed: Of the bootstrap, and of which window gets whose actions.
        device: Where the model runs; auto takes a GPU where there is one.
        out: Folder of the results; the run folder if not given.
    """
    from rich.progress import Progress

    from jepakit.evals.planning.prediction_result import print_prediction
    from jepakit.evals.planning.run_prediction import PredictionOptions, RunPrediction

    options = PredictionOptions(
        tuple(steps), checkpoint, split, windows, batch_size, draws, seed, device
    )
    try:
        subject = RunPrediction(Path(run), data, options=options)
        with Progress(transient=True) as progress:
            result = subject.measure(progress)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py predict: {error}")
    folder = Path(out or run)
    folder.mkdir(parents=True, exist_ok=True)
    files = result.write(folder)
    print_prediction(result)
    print("Written:", *files)  # noqa: T201
