"""Causal-JEPA through ``train.py`` on real clips: resumed or split over ranks, it stays one run."""

from __future__ import annotations

import json
import math
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from tiny_runs import (
    MARKS,
    Double,
    KeepGradients,
    Train,
    checkpoint,
    differences,
    distance,
    losses,
    on_two_ranks,
)

from jepakit.data import ShardReader
from jepakit.training.runs import load_run

pytestmark = MARKS


def last_weights(name: str) -> dict[str, torch.Tensor]:
    return checkpoint(name)["state_dict"]


# -- resume --------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(
    workers: int, train: Train, shards: Path
) -> None:
    """24 clips in batches of 5: the stop after step 4 and the end are inside an epoch, and a batch
    lies across its border. The last batch of a validation has a single clip."""
    options = ["--data.batch_size", "5", "--data.val", str(shards)]
    options += ["--trainer.val_check_interval", "3", "--probe.labels", "{touch_movable: binary}"]
    train("whole", *options)
    options += ["--data.workers", str(workers)]
    train("split", *options, "--trainer.max_steps", "4")
    train("split", *options, "--resume", "true")
    assert losses("split") == losses("whole")
    steps, values = losses("whole")["train/loss"]
    assert steps == list(range(9))
    assert len(set(values)) == 9
    whole, split = checkpoint("whole"), checkpoint("split")
    assert whole["SceneDataModule"]["position"] == (1, 21)
    moments = whole["optimizer_states"][0]["state"]
    assert all(state["exp_avg"].any() for state in moments.values())
    whole.pop("loops")  # Lightning's count of all batches ever validated starts again
    split.pop("loops")
    assert not differences(whole, split)
    assert not multiprocessing.active_children()


# -- accumulation --------------------------------------------------------------------------------


class KeepWeights(Callback):
    """Student and teacher after every micro-batch."""

    def __init__(self) -> None:
        self.students: list[dict[str, torch.Tensor]] = []
        self.teachers: list[dict[str, torch.Tensor]] = []

    def on_train_start(self, trainer: Any, module: Any) -> None:
        self._keep(module)

    def on_train_batch_end(self, trainer: Any, module: Any, *rest: Any) -> None:
        self._keep(module)

    def _keep(self, module: Any) -> None:
        for encoder, kept in (
            (module.encoder, self.students),
            (module.target_encoder, self.teachers),
        ):
            kept.append({name: p.detach().clone() for name, p in encoder.named_parameters()})


def test_two_micro_batches_equal_one_of_double_size(train: Train) -> None:
    """Without SIGReg, whose statistics are those of a batch: two halves have others."""
    options = ["--model.sigreg_weight", "0", "--trainer.gradient_clip_val", "1.0"]
    options += ["--trainer.max_steps", "3", "--model.optimization.reference_batch", "6"]
    train("double", *options)
    halves = ["--data.batch_size", "3", "--trainer.accumulate_grad_batches", "2"]
    train("halves", *options, *halves)
    assert distance(last_weights("double"), last_weights("halves")) < 1e-6
    assert losses("double")["optim/lr"] == losses("halves")["optim/lr"]
    norms = (losses(name)["optim/grad_norm"][1] for name in ("double", "halves"))
    assert next(norms) == pytest.approx(next(norms), rel=1e-5)


def test_the_teacher_moves_once_per_optimizer_step(train: Train) -> None:
    kept = KeepWeights()
    micro = ["--trainer.accumulate_grad_batches", "2", "--trainer.max_steps", "3"]
    cli = train("run", *micro, callbacks=[kept])
    expected = kept.teachers[0]
    for batch, (student, teacher) in enumerate(
        zip(kept.students[1:], kept.teachers[1:], strict=True)
    ):
        if batch % 2:
            tau = cli.model.optimization.ema_at(batch // 2, 9)
            expected = {n: tau * t + (1 - tau) * student[n] for n, t in expected.items()}
            assert distance(student, kept.students[batch]) > 1e-4
        else:
            assert distance(teacher, kept.teachers[batch]) == 0
        assert distance(teacher, expected) < 1e-6
    assert batch == 5


def relative(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """Norm of the difference of all tensors over the norm of what is expected."""
    assert found.keys() == expected.keys()
    gap = sum(float((found[n].double() - expected[n].double()).square().sum()) for n in expected)
    return math.sqrt(gap / sum(float(value.double().square().sum()) for value in expected.values()))


# -- two processes -------------------------------------------------------------------------------

KINDS = {
    "spectral": ["--model.sigreg", "jepakit.losses.SpectralSigReg"],
    "sketched": ["--model.sigreg", "jepakit.losses.SketchedSigReg"],
    "logdet": ["--model.sigreg", "jepakit.losses.LogDetSigReg"],
}
RUNS = {
    **KINDS,
    **{f"{kind} float32": [*own, "--model.optimization.eps", "0.1"] for kind, own in KINDS.items()},
    "micro": [
        *("--trainer.accumulate_grad_batches", "2", "--trainer.val_check_interval", "6"),
        *("--model.causal_weight", "0", "--model.predictor.init_args.wiring", "cross"),
    ],
}
"""Three steps each, in float64 where the name does not say otherwise."""


@pytest.mark.ddp
def test_two_ranks_equal_one_process_on_the_joined_batch(train: Train, shards: Path) -> None:
    """Losses, SIGReg, gradients and weights of three steps, and the losses of a validation.

    To 1e-7 in float64 and 1e-5 in float32, there of a gradient's norm and with an epsilon at which
    AdamW's steps are proportional to the gradient: with the usual one they follow the sign of
    entries that are rounding alone.
    """
    common = ["--data.val", str(shards), "--trainer.val_check_interval", "3"]
    common += ["--trainer.max_steps", "3", "--model.sigreg_weight", "1.0"]
    halves = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "3"]
    on_two = {}
    for name, own in RUNS.items():
        options = [*common, *own]
        precise = [] if "float32" in name else [Double()]
        train(name, *options, callbacks=[KeepGradients(f"{name}.pt"), *precise])
        two = f"{name}-2"
        on_two[two] = ["--config", "tiny.yaml", "--name", two, *options, *halves]
    on_two_ranks(on_two)
    for name in RUNS:
        near = 1e-5 if "float32" in name else 1e-7
        two = f"{name}-2"
        one_grads, two_grads = (torch.load(f"{n}.pt", weights_only=True) for n in (name, two))
        assert len(one_grads) == 3
        for two_step, one_step in zip(two_grads, one_grads, strict=True):
            assert relative(two_step, one_step) < near, name
        assert distance(last_weights(name), last_weights(two)) < near
        assert all(value > 0.1 for value in losses(name)["train/sigreg"][1])
        assert losses(name).keys() == losses(two).keys()
        for quantity, (steps, values) in losses(name).items():
            expected = (steps, pytest.approx(values, rel=near, abs=near))
            assert losses(two)[quantity] == expected, (name, quantity)


# -- what is not finite --------------------------------------------------------------------------


class Poison(Callback):
    """Breaks a weight before the given step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Any, module: Any, *rest: Any) -> None:
        if trainer.global_step == self.step:
            next(module.encoder.parameters()).data[0] = math.nan


def test_after_nan_the_last_good_checkpoint_goes_on(train: Train, shards: Path) -> None:
    options = ["--checkpoints.every_n_steps", "2"]
    with pytest.raises(SystemExit) as exit_, pytest.warns(UserWarning, match="keys and losses"):
        train("run", *options, callbacks=[Poison(5)])
    assert str(exit_.value.code).startswith("error: Step 5: the loss or a gradient is not finite")
    report = json.loads(Path("runs/run/failures/step-00000005-rank-0.json").read_text())
    (batch,) = report["batches"]
    reader = ShardReader(str(shards), split="train")
    assert len(set(batch["keys"]) & {reader.key(number) for number in range(24)}) == 6
    assert math.isnan(batch["losses"]["loss"])
    assert checkpoint("run")["global_step"] == 4
    assert all(value.isfinite().all() for value in load_run("runs/run").state_dict().values())
    train("run", *options, "--resume", "true")
    train("whole", *options)
    assert losses("run") == losses("whole")
    assert not differences(last_weights("run"), last_weights("whole"))


# -- interventions -------------------------------------------------------------------------------


class KeepBatches(Callback):
    def __init__(self) -> None:
        self.batches: list[Any] = []

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        self.batches.append(batch)


@pytest.mark.parametrize("source", ["zero", "drop", "resimulated"])
def test_an_intervention_gets_what_it_needs_and_nothing_else(source: str, train: Train) -> None:
    kept = KeepBatches()
    cli = train("run", "--model.intervention", source, callbacks=[kept])
    for batch in kept.batches:
        assert (batch.labels is not None) == (source == "zero")
        assert (batch.counterfactual is not None) == (source == "resimulated")
    causal = losses("run")["train/causal"][1]
    assert all(0 < value < math.inf for value in causal)
    assert cli.model.predictor.residual_head.bias.any()  # it started at zero


def test_a_resimulated_clip_lacks_the_object_that_is_hidden(train: Train) -> None:
    kept = KeepBatches()
    train("run", "--model.intervention", "resimulated", callbacks=[kept])
    known = 0
    for batch in kept.batches:
        for removed, hidden, fallback in zip(
            batch.removed.tolist(), batch.masks.objects, batch.masks.fallback, strict=True
        ):
            assert hidden == ((removed,) if removed and not fallback else ())
            known += bool(hidden)
        same = (batch.frames == batch.counterfactual).flatten(1).all(dim=1)
        assert same.tolist() == [removed == 0 for removed in batch.removed.tolist()]
    assert known > 40  # of 54
