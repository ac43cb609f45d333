"""V-JEPA 2 through ``train.py``: resumed, split over ranks, in two stages, it stays one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny_runs import (
    ENCODER,
    MARKS,
    STEPS,
    Train,
    checkpoint,
    differences,
    distance,
    losses,
    on_two_ranks,
)

from jepakit.training.runs import load_run

pytestmark = MARKS

TUBES = "jepakit.masks.Tubes"
TWICE = {
    "class_path": "jepakit.masks.SeveralMasks",
    "init_args": {
        "maskers": [TUBES, {"class_path": TUBES, "init_args": {"blocks": 2, "scale": 0.5}}]
    },
}
MODEL: dict[str, Any] = {
    "class_path": "vjepa2.VJEPA2",
    "init_args": {
        "encoder": {
            "class_path": "jepakit.nn.VisionTransformer",
            "init_args": ENCODER | {"depth": 2, "position": "rope"},
        },
        "masker": TWICE,
        "predictor": {
            "class_path": "vjepa2.Predictor",
            "init_args": {"width": 16, "depth": 2, "heads": 2},
        },
        "optimization": {"warmup_steps": 2, "total_steps": STEPS, "ema": 0.9},
    },
}


@pytest.fixture
def tiny(train: Train) -> Train:
    """The tiny run's configuration with this family's model."""
    config = yaml.safe_load(Path("tiny.yaml").read_text())
    Path("tiny.yaml").write_text(yaml.safe_dump(config | {"model": MODEL}))
    return train


@pytest.mark.parametrize("masker", ["several", "released"])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(masker: str, tiny: Train) -> None:
    options = ["--data.batch_size", "5"]
    if masker == "released":
        options += ["--model.masker", "jepakit.masks.ReleasedTubes"]
    tiny("whole", *options)
    tiny("split", *options, "--trainer.max_steps", "4")
    tiny("split", *options, "--resume", "true")
    assert losses("split") == losses("whole")
    assert len(set(losses("whole")["train/loss"][1])) == STEPS
    whole, split = checkpoint("whole"), checkpoint("split")
    whole.pop("loops")
    split.pop("loops")
    assert not differences(whole, split)


SHARDED = {
    "class_path": "lightning.pytorch.strategies.ModelParallelStrategy",
    "init_args": {
        "data_parallel_size": 2,
        "tensor_parallel_size": 1,
        "save_distributed_checkpoint": False,
    },
}


@pytest.mark.ddp
def test_two_ranks_equal_one_process_replicated_and_sharded(tiny: Train, shards: Path) -> None:
    """DDP, and FSDP2 stopped and resumed, against one process on the joined batch.

    In float32, with an epsilon at which AdamW's steps are proportional to the gradient: with the
    usual one the first steps follow the sign of gradients that are rounding alone.
    """
    common = ["--trainer.max_steps", "4", "--model.optimization.eps", "0.1"]
    common += ["--model.optimization.lr", "0.01", "--data.val", str(shards)]
    common += ["--trainer.val_check_interval", "1"]
    tiny("one", *common)
    Path("sharded.yaml").write_text(yaml.safe_dump({"trainer": {"strategy": SHARDED}}))
    halves = ["--config", "tiny.yaml", *common, "--data.batch_size", "3", "--trainer.devices", "2"]
    sharded = ["--config", "sharded.yaml", *halves]
    on_two_ranks(
        {
            "ddp.float32": [*halves, "--name", "ddp", "--trainer.strategy", "ddp"],
            "a.float32": [*sharded, "--name", "fsdp", "--trainer.max_steps", "2"],
        }
    )
    on_two_ranks({"b.float32": [*sharded, "--name", "fsdp", "--resume", "true"]})
    for two in ("ddp", "fsdp"):
        for name, (steps, values) in losses("one").items():
            assert losses(two)[name] == (steps, pytest.approx(values, rel=1e-5, abs=1e-6)), name
        weights, expected = (checkpoint(name)["state_dict"] for name in (two, "one"))
        assert distance(weights, expected) < 1e-6
        moved = distance(
            {"t": expected["target_encoder.norm.bias"]}, {"t": torch.zeros(ENCODER["width"])}
        )
        assert moved > 1e-6


def test_a_second_stage_starts_from_the_first_on_longer_and_larger_clips(tiny: Train) -> None:
    tiny("first", "--trainer.max_steps", "3")
    larger = ["--model.encoder.size", "16", "--model.encoder.frames", "2", "--data.crop", "true"]
    options = ["--start_from", "runs/first", "--model.optimization.lr", "0"]
    options += ["--model.optimization.weight_decay", "0", "--model.optimization.final_lr", "0"]
    tiny("second", *options, *larger, "--trainer.max_steps", "3")
    first, second = (load_run(f"runs/{name}").state_dict() for name in ("first", "second"))
    students = [name for name in first if not name.startswith("target_encoder")]
    assert not differences({n: first[n] for n in students}, {n: second[n] for n in students})


def test_weights_of_another_shape_are_refused_before_training(
    tiny: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny("first", "--trainer.max_steps", "3")
    with pytest.raises(SystemExit) as exit_:
        tiny("second", "--start_from", "runs/first", "--model.encoder.width", "64")
    assert exit_.value.code == 2
    assert "do not fit the model to be trained" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tiny("second", "--start_from", "runs/nowhere")
    assert "has no last.ckpt" in capsys.readouterr().err
    assert not Path("runs/second").exists()


def test_recomputing_changes_memory_alone(tiny: Train) -> None:
    tiny("kept", "--trainer.max_steps", "3")
    tiny("again", "--trainer.max_steps", "3", "--model.recompute", "true")
    assert losses("kept") == losses("again")


def test_both_masks_are_logged(tiny: Train) -> None:
    tiny("run", "--trainer.max_steps", "3")
    logged = losses("run")
    for number in (0, 1):
        visible, hidden = (
            logged[f"train/mask{number}_{kind}"][1] for kind in ("visible", "hidden")
        )
        assert [a + b for a, b in zip(visible, hidden, strict=True)] == pytest.approx([1.0] * 3)
    assert logged["train/mask0_visible"] != logged["train/mask1_visible"]
