"""Prediction quality: against loops in float64, limit cases, and a run folder with its data."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from tiny_dynamics import SIZE, cloning, dynamics, write_run
from torch import Tensor

import evaluate
from data_prep.job import Job
from data_prep.simulated.push import push
from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest
from jepakit.evals.planning.prediction_quality import (
    COPY,
    MEAN,
    MODEL,
    OTHER,
    PREDICTORS,
    PredictionScores,
    check_steps,
    score_predictions,
)
from jepakit.evals.planning.prediction_result import (
    COSINE,
    ERROR,
    PredictionResult,
    print_prediction,
)
from jepakit.evals.planning.run_prediction import PredictionOptions, RunPrediction
from jepakit.transitions import TransitionBatch


@dataclass(frozen=True)
class Place:
    latents: Tensor

    def repeat(self, samples: int) -> Place:
        return Place(self.latents.repeat_interleave(samples, dim=0))


class Model:
    """Two latents of two numbers, ``x`` and ``2 x + 1``; an action moves by ``gain`` times it."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    @property
    def actions(self) -> ActionSpace:
        return ActionSpace(("x", "y"), (-9.0, -9.0), (9.0, 9.0))

    @property
    def request(self) -> BatchRequest:
        return BatchRequest(frames=2, size=(4, 4), patch=2, tubelet=1)

    def start(self, frames: Tensor, actions: Tensor, states: Tensor) -> Place:
        assert (frames.shape[1], actions.shape[1], states.shape[1:]) == (1, 0, (1, 0))
        return Place(self.goal(frames[:, 0]))

    def step(self, state: Place, action: Tensor) -> Place:
        return Place(state.latents + self.gain * torch.stack([action, 2 * action], dim=1))

    def goal(self, frames: Tensor) -> Tensor:
        place = frames[:, 0, 0, :2].float()
        return torch.stack([place, 2 * place + 1], dim=1)


def windows(episodes: int = 4, count: int = 2, length: int = 6, *, still: bool = False) -> Any:
    """Places that integer actions lead to, ``count`` windows of each episode in a row."""
    rng = np.random.default_rng(0)
    rows = episodes * count
    actions = rng.integers(-9, 10, (rows, length - 1, 2)) * (not still)
    start = rng.integers(90, 110, (rows, 1, 2))
    places = np.concatenate([start, start + actions.cumsum(axis=1)], axis=1)
    frames = np.zeros((rows, length, 4, 4, 3), np.uint8)
    frames[..., :2] = places[:, :, None, None]
    return TransitionBatch(
        torch.from_numpy(frames),
        torch.from_numpy(actions).float(),
        torch.zeros(rows, length, 3),
        tuple(f"e{row // count}--{row % count}" for row in range(rows)),
    )


def parts(batch: TransitionBatch, size: int) -> Callable[[], Iterator[TransitionBatch]]:
    def batches() -> Iterator[TransitionBatch]:
        for i in range(0, len(batch), size):
            cut = slice(i, i + size)
            yield TransitionBatch(
                batch.frames[cut], batch.actions[cut], batch.states[cut], batch.keys[cut]
            )

    return batches


def scored(model: Model, batch: TransitionBatch, steps: tuple[int, ...] = (1, 3)) -> Any:
    return score_predictions(model, parts(batch, 4), steps)


class TestScores:
    def test_a_perfect_model(self) -> None:
        found = scored(Model(), windows())
        assert np.abs(found.cosine[MODEL] - 1).max() < 1e-6
        assert found.square[MODEL].max() == 0
        assert found.square[OTHER].min() > 0

    def test_nothing_moves(self) -> None:
        found = scored(Model(), windows(still=True))
        assert np.abs(found.cosine[COPY] - 1).max() < 1e-6
        assert found.square[COPY].max() == 0

    def test_against_loops(self) -> None:
        batch, steps = windows(), (2, 5)
        found = scored(Model(0.5), batch, steps)
        places = batch.frames[:, :, 0, 0, :2].double().numpy()
        latents = np.stack([places, 2 * places + 1], axis=2)
        mean = latents[:, list(steps)].mean(axis=(0, 1))
        moved = np.cumsum(batch.actions.double().numpy(), axis=1)
        for row in range(len(batch)):
            for column, step in enumerate(steps):
                real = latents[row, step]
                way = 0.5 * moved[row, step - 1]
                expected = {
                    MODEL: latents[row, 0] + np.stack([way, 2 * way]),
                    COPY: latents[row, 0],
                    MEAN: mean,
                }
                for name, guess in expected.items():
                    norms = [np.linalg.norm(part, axis=1) for part in (guess, real)]
                    cosine = ((guess * real).sum(axis=1) / norms[0] / norms[1]).mean()
                    assert found.cosine[name][row, column] == pytest.approx(cosine, abs=1e-6)
                    square = ((guess - real) ** 2).sum()
                    assert found.square[name][row, column] == pytest.approx(square, rel=1e-5)
                spread = ((mean - real) ** 2).sum()
                assert found.spread[row, column] == pytest.approx(spread, rel=1e-5)

    def test_other_actions_are_those_of_another_episode(self) -> None:
        batch = windows()
        found = scored(Model(), batch, (3,))
        way = batch.actions[:, :3].sum(dim=1).double().numpy()
        for row in range(8):  # 5 = 1 + 2^2: both latents are off, the second twice as much
            apart = [5 * ((way[other] - way[row]) ** 2).sum() for other in range(8)]
            fits = np.flatnonzero(np.isclose(apart, found.square[OTHER][row, 0], rtol=1e-5))
            assert len(fits) == 1
            assert fits[0] // 2 != row // 2
            assert fits[0] % 2 == row % 2

    def test_batches_do_not_matter(self) -> None:
        batch = windows()
        one, other = (score_predictions(Model(0.7), parts(batch, n), (1, 2)) for n in (8, 3))
        for name in PREDICTORS:
            assert np.abs(one.square[name] / np.maximum(other.square[name], 1e-9) - 1).max() < 1e-5

    def test_progress_counts_every_window_twice(self) -> None:
        done: list[int] = []
        score_predictions(Model(), parts(windows(), 3), (1,), progress=done.append)
        assert sum(done) == 16

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="at least 1, came \\[0\\]"):
            scored(Model(), windows(), (0,))
        with pytest.raises(ValueError, match="at least 2 episodes; came 2 windows of 1"):
            scored(Model(), windows(episodes=1))
        with pytest.raises(ValueError, match="No windows"):
            score_predictions(Model(), list, (1,))
        with pytest.raises(ValueError, match="can imagine 7 steps after the first frame, asked"):
            check_steps([1, 8], 8)
        check_steps([1, 7], 8)


class TestResult:
    def result(self, gain: float = 0.5) -> PredictionResult:
        return PredictionResult.of(scored(Model(gain), windows(12, 1)), {"run": "r"}, draws=300)

    def test_estimates(self) -> None:
        scores = scored(Model(0.5), windows(12, 1))
        found = self.result()
        error = found.value(MODEL, 3, ERROR)
        ratio = scores.square[MODEL][:, 1].sum() / scores.spread[:, 1].sum()
        assert error.estimate == pytest.approx(ratio)
        assert error.low < error.estimate < error.high
        cosine = found.value(MODEL, 3, COSINE).estimate
        assert cosine == pytest.approx(scores.cosine[MODEL][:, 1].mean())

    def test_limits(self) -> None:
        perfect = self.result(1.0)
        assert perfect.value(MODEL, 1, ERROR).high == 0
        for step in (1, 3):
            mean = perfect.value(MEAN, step, ERROR)
            assert (mean.low, mean.estimate, mean.high) == pytest.approx((1, 1, 1))
        with pytest.raises(KeyError):
            perfect.value(MODEL, 2, ERROR)

    def test_windows_of_an_episode_come_and_go_together(self) -> None:
        """Each window twice: more windows, no more episodes, the same interval."""
        once = scored(Model(0.5), windows(12, 1))
        double = PredictionScores(
            once.steps,
            tuple(e for e in once.episodes for _ in range(2)),
            *({n: v.repeat(2, axis=0) for n, v in f.items()} for f in (once.cosine, once.square)),
            once.spread.repeat(2, axis=0),
        )
        one, two = (
            PredictionResult.of(scores, {}, draws=200).value(MODEL, 3, ERROR)
            for scores in (once, double)
        )
        assert (one.low, one.high) == pytest.approx((two.low, two.high))

    def test_a_collapsed_model_has_no_error(self) -> None:
        scores = scored(Model(), windows(still=True))
        still = {name: values * 0 for name, values in scores.square.items()}
        collapsed = PredictionScores(
            scores.steps, scores.episodes, scores.cosine, still, scores.spread * 0
        )
        with pytest.raises(ValueError, match="collapsed"):
            PredictionResult.of(collapsed, {})

    def test_files_and_table(self, tmp_path: Path) -> None:
        result = self.result()
        files = result.write(tmp_path)
        assert [file.name for file in files] == ["prediction.json", "prediction.png"]
        content = json.loads(files[0].read_text())
        assert len(content["values"]) == 2 * 2 * len(PREDICTORS)
        assert files[1].read_bytes().startswith(b"\x89PNG")
        told = io.StringIO()
        print_prediction(result, Console(file=told, width=120))
        assert f"{result.value(MODEL, 3, ERROR).estimate:.3f}" in told.getvalue()
        assert "higher is better" in told.getvalue()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("episodes"))
    push(folder, episodes=2, val_episodes=5, frames=10, size=SIZE, job=Job(shard_items=4))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "world"
    write_run(folder, dynamics())
    return folder


class TestRun:
    def test_what_is_predicted_are_the_stored_windows(self, run: Path, data: str) -> None:
        options = PredictionOptions(steps=(1, 3), windows=2, batch_size=4, draws=50)
        subject = RunPrediction(run, data, options=options)
        batches = list(subject._batches())
        assert [key for batch in batches for key in batch.keys] == [
            f"{subject.reader.key(n)}--{start}" for n in range(5) for start in (1, 5)
        ]
        assert all(batch.frames.shape[1] == 4 for batch in batches)
        found = subject.measure()
        batch = batches[0]
        model = subject.model
        with torch.no_grad():
            state = model.start(batch.frames[:1, :1], batch.actions[:1, :0], batch.states[:1, :1])
            guess = model.step(state, batch.actions[:1, 0]).latents
            square = (guess - model.goal(batch.frames[:1, 1])).square().sum()
        scores = score_predictions(model, subject._batches, (1, 3))
        assert scores.square[MODEL][0, 0] == pytest.approx(square.item(), rel=1e-4)
        assert found.source["data"].startswith("10 windows of 5 episodes, split 'val'")

    def test_the_command(
        self, run: Path, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["predict", str(run), "--data", data, "--draws", "20", "--device", "cpu"]
        evaluate.main([*words, "--steps", "1", "4", "--out", str(tmp_path / "out")])
        content = json.loads((tmp_path / "out/prediction.json").read_text())
        assert {value["step"] for value in content["values"]} == {1, 4}
        assert "Normalised error" in capsys.readouterr().out

    def test_steps_beyond_the_limit_are_refused(self, run: Path, data: str) -> None:
        with pytest.raises(SystemExit, match="can imagine 7 steps after the first frame, asked "):
            evaluate.main(["predict", str(run), "--data", data])  # 10 of the default

    def test_a_policy_predicts_nothing(self, data: str, tmp_path: Path) -> None:
        write_run(tmp_path / "policy", cloning())
        with pytest.raises(SystemExit, match="Cloning, which imagines no actions"):
            evaluate.main(["predict", str(tmp_path / "policy"), "--data", data])
