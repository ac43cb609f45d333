"""Prediction quality of a run on held-out windows of a data set of episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from rich.progress import Progress

from jepakit.data.faults import FaultLedger
from jepakit.data.loader import ClipLoader, one_pass
from jepakit.data.order import Order
from jepakit.data.shard_reader import ShardReader
from jepakit.data.transitions.dataset import TransitionBatches
from jepakit.data.transitions.episodes import check_actions
from jepakit.data.transitions.module import check_pixels
from jepakit.data.transitions.windows import Windows
from jepakit.evals.planning.prediction_quality import check_steps, score_predictions
from jepakit.evals.planning.prediction_result import PredictionResult
from jepakit.protocols import WorldModel
from jepakit.training.runs import load_run


@dataclass(frozen=True)
class PredictionOptions:
    """What is predicted, and how.

    Attributes:
        steps: how far ahead.
        checkpoint: the last state, or the one with the best monitored value.
        split: whose episodes are predicted.
        windows: of each episode, evenly spread.
        batch_size: windows that are imagined at once, about.
        draws: of the bootstrap over episodes.
        seed: of the draws and of which window gets whose actions.
        device: where the model runs; ``auto`` takes a GPU where there is one.
    """

    steps: Sequence[int] = (1, 5, 10)
    checkpoint: Literal["last", "best"] = "last"
    split: str = "val"
    windows: int = 1
    batch_size: int = 32
    draws: int = 2000
    seed: int = 0
    device: str = "auto"


class RunPrediction:
    """A trained world model and the episodes that it predicts, held against each other.

    Args:
        run: the run folder.
        data: the data set, whose actions are those of the model.
        options: what is predicted.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: the run is no world model, steps are beyond what it can imagine or what episodes
            have, no such data set or split, or frames or actions that are not the model's.
    """

    def __init__(self, run: Path, data: str, *, options: PredictionOptions | None = None) -> None:
        self.run, self.data = run, data
        self.options = options or PredictionOptions()
        model = load_run(run, self.options.checkpoint)
        if not isinstance(model, WorldModel):
            raise ValueError(
                f"{run} is a run of {type(model).__name__}, which imagines no actions; train a "
                "world model, such as configs/vjepa2/push_dynamics.yaml."
            )
        check_steps(self.options.steps, getattr(model, "horizon_limit", None))
        device = self.options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.model: WorldModel[Any] = model.to(self.device)
        self.reader = ShardReader(data, split=self.options.split)
        check_actions(self.reader.manifest.description, self.model.actions, data)
        self.request = dataclasses.replace(
            self.model.request, frames=1 + max(self.options.steps), labels=False
        )
        check_pixels(self.reader, self.request)
        self.windows = Windows(
            self.reader.form.frames, self.request.frames, count=self.options.windows, random=False
        )

    def measure(self, progress: Progress | None = None) -> PredictionResult:
        """Predict all windows."""
        count = len(self.reader) * self.windows.count
        task = None if progress is None else progress.add_task("prediction", total=2 * count)

        def told(windows: int) -> None:
            if progress is not None and task is not None:
                progress.advance(task, windows)

        options = self.options
        scores = score_predictions(
            self.model,
            self._batches,
            options.steps,
            device=self.device,
            seed=options.seed,
            progress=told,
        )
        return PredictionResult.of(
            scores, self._source(count), draws=options.draws, seed=options.seed
        )

    def _batches(self) -> ClipLoader[TransitionBatches]:
        """One pass over the windows in stored order; a damaged episode stops it."""
        ledger = FaultLedger(len(self.reader), 0.0)
        dataset = TransitionBatches(
            self.reader,
            order=Order(self.reader.sizes, shuffle=False),
            request=self.request,
            windows=self.windows,
            allowed=ledger.allowed,
        )
        episodes = max(1, self.options.batch_size // self.windows.count)
        return one_pass(dataset, ledger, batch_size=episodes)

    def _source(self, count: int) -> dict[str, str]:
        o = self.options
        return {
            "run": f"{self.run.name}, {o.checkpoint} checkpoint",
            "data": f"{count} windows of {len(self.reader)} episodes, split '{o.split}' of "
            f"{Path(self.data).name}",
            "data fingerprint": self.reader.manifest.fingerprint,
        }
