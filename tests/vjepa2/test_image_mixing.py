"""V-JEPA 2.1 on clips and still images: two ranks of one kind each are one process of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from tiny_runs import (
    ENCODER,
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

from jepakit.batch import SceneBatch
from jepakit.masks import SeveralMasks, Tubes, draw_masks
from jepakit.nn import VisionTransformer
from jepakit.protocols import MaskInput
from vjepa2 import VJEPA2

pytestmark = MARKS

STEPS = 4
STILLS = ("image_embedding", "patches.image.")
CLIPS = ("video_embedding", "patches.video.")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Eleven pictures of noise."""
    random = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(11):
        noise = random.integers(0, 256, (36, 44, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "pictures" / f"{number}.png")
    return tmp_path / "pictures"


@pytest.fixture
def tiny(train: Train, pictures: Path) -> Train:
    """Trains on standing clips and on the same pictures as images."""
    model: dict[str, Any] = {
        "class_path": "vjepa2.VJEPA2",
        "init_args": {
            "encoder": {
                "class_path": "jepakit.nn.VisionTransformer",
                "init_args": ENCODER
                | {"depth": 2, "position": "rope", "images": True, "levels": [0, 1]},
            },
            "masker": {
                "class_path": "jepakit.masks.SeveralMasks",
                "init_args": {"maskers": ["jepakit.masks.Tubes"] * 2},
            },
            "predictor": {
                "class_path": "vjepa2.Predictor",
                "init_args": {"width": 16, "depth": 2, "heads": 2, "context": True},
            },
            "context_weight": 0.5,
            "optimization": {"warmup_steps": 2, "total_steps": STEPS, "ema": 0.9, "lr": 0.01},
        },
    }
    data = {
        "class_path": "jepakit.data.video.VideoDataModule",
        "init_args": {
            "train": str(pictures),
            "sampling": {"stride": 1},
            "batch_size": 4,
            "images": {"path": str(pictures), "batch_size": 6, "by": "batch"},
        },
    }
    config = yaml.safe_load(Path("tiny.yaml").read_text())
    config["trainer"]["max_steps"] = STEPS
    Path("tiny.yaml").write_text(yaml.safe_dump(config | {"model": model, "data": data}))
    return train


def test_what_a_batch_leaves_out_gets_no_gradient(tiny: Train) -> None:
    keep = KeepGradients("one.pt")
    tiny("one", callbacks=[keep])
    assert losses("one")["train/image"][1] == [1.0, 0.0, 1.0, 0.0]
    for number, step in enumerate(keep.steps):
        used, left = (STILLS, CLIPS) if number % 2 == 0 else (CLIPS, STILLS)
        assert sum(name.endswith(used) or used[1] in name for name in step) == 4
        assert not any(name.endswith(left) or left[1] in name for name in step)


def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(tiny: Train) -> None:
    tiny("whole")
    tiny("split", "--trainer.max_steps", "3")
    tiny("split", "--resume", "true")
    assert losses("split") == losses("whole")
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
def test_two_ranks_of_one_kind_each_equal_one_process_of_both(tiny: Train) -> None:
    """Two accumulated batches average their gradients as DDP averages those of two ranks.

    So do two ranks that both take half of each kind, replicated or sharded.
    """
    keep = KeepGradients("one.pt")
    accumulated = ["--trainer.accumulate_grad_batches", "2"]
    slow = ["--model.optimization.eps", "0.1"]  # steps proportional to the gradient, for float32
    tiny("one", *accumulated, *slow, callbacks=[keep, Double()])
    Path("sharded.yaml").write_text(yaml.safe_dump({"trainer": {"strategy": SHARDED}}))
    two = ["--config", "tiny.yaml", *slow, "--trainer.devices", "2"]
    two += ["--trainer.strategy", "ddp_find_unused_parameters_true"]
    half = [*two, *accumulated, "--data.batch_size", "2", "--data.images.batch_size", "3"]
    on_two_ranks(
        {
            "rank": [*two, "--name", "rank", "--data.images.by", "rank"],
            "batch": [*half, "--name", "batch"],
            "sharded.float32": [*half, "--config", "sharded.yaml", "--name", "sharded"],
        }
    )
    for name in ("rank", "batch"):
        steps = torch.load(f"{name}.pt", weights_only=True)
        assert len(steps) == STEPS
        for one, other in zip(keep.steps, steps, strict=True):
            assert distance(one, other) < 1e-12
    expected = checkpoint("one")["state_dict"]
    for name, tolerance in (("rank", 1e-12), ("batch", 1e-12), ("sharded", 1e-6)):
        assert distance(expected, checkpoint(name)["state_dict"]) < tolerance, name
    assert losses("rank")["train/image"][1] == [0.5] * STEPS


def test_flops_of_images_count_the_tokens_of_images() -> None:
    encoder = VisionTransformer(**ENCODER, images=True)
    model = VJEPA2(encoder, masker=SeveralMasks([Tubes()]))
    assert model.still_request is not None
    assert model.still_request.grid == (1, 4, 4)
    work = []
    for frames in (1, 4):
        fake = SceneBatch.fake(frames=frames, tubelet=1 if frames == 1 else 2, objects=0)
        samples = [MaskInput(c, f) for c, f in zip(fake.coverage, fake.frames, strict=True)]
        masks = draw_masks(SeveralMasks([Tubes()]), samples, [(0, 0, key) for key in fake.keys])
        batch = SceneBatch(fake.frames, fake.coverage, fake.keys, masks)
        work.append(model.flops(batch))
        assert model.loss(batch).total.isfinite()
    assert 1.8 < work[1] / work[0] < 2.5
