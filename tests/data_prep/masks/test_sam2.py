"""SAM 2: what ``transformers`` computes when called directly, and what is made of it."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Bool, UInt8
from numpy import ndarray
from safetensors.torch import load_file, save_file
from small_sam import squares
from small_sam2 import write_sam2
from torch import Tensor

from data_prep.masks import sam2
from data_prep.masks.networks import NetworkError
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.sam2 import Sam2
from data_prep.masks.sam2_network import Sam2Network
from data_prep.masks.segmenter import Proposals

EVERYTHING = ObjectFilter(min_area=0.0, max_area=1.0, max_iou=1.0, max_containment=1.0)
GRID: dict[str, Any] = {
    "points_per_side": 6,
    "points_per_batch": 64,
    "pred_iou_thresh": 0.0,
    "stability_score_thresh": 0.0,
}


@pytest.fixture(scope="module")
def transformers() -> Any:
    return pytest.importorskip(
        "transformers", reason="SAM 2 comes from transformers: pip install 'jepakit[sam2]'"
    )


@pytest.fixture(scope="module")
def folder(transformers: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sam2(tmp_path_factory.mktemp("sam2"))


@pytest.fixture(scope="module")
def network(folder: Path) -> Sam2Network:
    return Sam2Network(folder, device="cpu")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def boxes() -> Bool[ndarray, "k h w"]:
    masks = np.zeros((3, 64, 64), dtype=bool)
    masks[0, 8:26, 4:22] = masks[1, 34:54, 36:56] = masks[2, 5:30, 30:60] = True
    return masks


def followed(
    transformers: Any, folder: Path, frames: ndarray, masks: ndarray, start: int
) -> list[Tensor]:
    """Logits of every frame, by the classes of transformers alone."""
    video = transformers.Sam2VideoModel.from_pretrained(folder)
    processor = transformers.Sam2VideoProcessor.from_pretrained(folder)
    session = processor.init_video_session(video=list(frames))
    processor.add_inputs_to_inference_session(
        session, start, list(range(7, 7 + len(masks))), input_masks=list(masks)
    )
    found = list(video.propagate_in_video_iterator(session, start))
    found += video.propagate_in_video_iterator(session, start, reverse=True)
    return [
        found.pred_masks
        for found in sorted({f.frame_idx: f for f in found}.values(), key=lambda f: f.frame_idx)
    ]


@pytest.mark.parametrize("thresholds", [(0.0, 0.0), (0.6, 0.1)])
def test_proposals_are_those_of_the_mask_generation_pipeline(
    transformers: Any, folder: Path, network: Sam2Network, thresholds: tuple[float, float]
) -> None:
    from PIL import Image

    options = dict(zip(("pred_iou_thresh", "stability_score_thresh"), thresholds, strict=True))
    pipeline = transformers.MaskGenerationPipeline(
        model=transformers.Sam2Model.from_pretrained(folder),
        image_processor=transformers.Sam2ImageProcessor.from_pretrained(folder),
        device="cpu",
    )
    frame = squares(1)[0]
    expected = pipeline(Image.fromarray(frame), points_per_crop=6, **options)
    for batch in (64, 7, 1):
        found = network.propose(frame, **(GRID | options | {"points_per_batch": batch}))
        assert len(found) == len(expected["masks"]) > 0
        np.testing.assert_array_equal(found.masks, torch.stack(expected["masks"]).numpy())
        np.testing.assert_allclose(found.scores, expected["scores"].numpy(), atol=1e-6)


@pytest.mark.parametrize("start", [0, 2, 4])
def test_following_is_that_of_transformers_in_both_directions(
    transformers: Any, folder: Path, network: Sam2Network, start: int
) -> None:
    frames = squares(5)
    logits = network.follow(frames, boxes(), start)
    expected = followed(transformers, folder, frames, boxes(), start)
    assert logits.shape == (3, 5, 16, 16)
    torch.testing.assert_close(logits, torch.stack(expected)[:, :, 0].transpose(0, 1))
    prompted = network.masks(logits[:, start], 64, 64)
    assert ((prompted & boxes()).sum((1, 2)) / prompted.sum((1, 2)) > 0.8).all()


def test_objects_of_a_clip_are_those_followed_and_keep_their_ids(
    transformers: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposals = Proposals(boxes(), np.array([0.9, 0.8, 0.7]))
    monkeypatch.setattr(Sam2Network, "propose", lambda self, frame, **grid: proposals)
    found = Sam2(folder, EVERYTHING, look_again=False, device="cpu").segment(squares(4))
    logits = followed(transformers, folder, squares(4), boxes(), 0)
    large = torch.stack(
        [torch.nn.functional.interpolate(one, (64, 64), mode="bilinear")[:, 0] for one in logits]
    )
    surest, which = large.max(dim=1)
    expected = torch.where(surest > 0, which + 1, 0).numpy()
    assert set(expected[0].ravel().tolist()) == {0, 1, 2, 3}
    assert (expected[1:] > 0).mean() > 0.1
    np.testing.assert_array_equal(found.labels, expected)
    assert (found.scores, found.dropped) == ((0.9, 0.8, 0.7), {})


def test_a_clip_from_beginning_to_end(folder: Path) -> None:
    found = Sam2(folder, EVERYTHING, device="cpu", **GRID).segment(squares(4))
    assert found.labels.shape == (4, 64, 64)
    assert set(np.unique(found.labels).tolist()) >= set(range(1, len(found.scores) + 1))
    assert found.scores
    assert set(found.dropped) <= {"proposal_small", "proposal_known", "object_hidden"}


def test_no_object_is_a_legal_answer(folder: Path) -> None:
    segmenter = Sam2(folder, points_per_side=2, pred_iou_thresh=1.0, device="cpu")
    found = segmenter.segment(squares(3, 48))
    np.testing.assert_array_equal(found.labels, np.zeros((3, 48, 48), np.uint8))
    assert (found.scores, found.dropped) == ((), {})


def test_a_single_oblong_frame(folder: Path) -> None:
    segmenter = Sam2(folder, EVERYTHING, device="cpu", **GRID)
    found = segmenter.segment(squares(1, 80)[:, :48])
    assert found.labels.shape == (1, 48, 80)
    assert found.labels.max() == len(found.scores) > 0


class Scripted:
    """Sees everything: squares of pixel value 1, 2, ... are objects; it never loses one."""

    def __init__(self) -> None:
        self.prompts: list[tuple[int, int]] = []

    def propose(self, frame: UInt8[ndarray, "h w 3"], **grid: Any) -> Proposals:
        values = np.unique(frame[frame > 0])
        return Proposals(np.stack([frame[..., 0] == value for value in values]), 1 - values / 10)

    def follow(self, frames: UInt8[ndarray, "t h w 3"], masks: ndarray, start: int) -> Tensor:
        self.prompts.append((start, len(masks)))
        values = [frames[start, ..., 0][mask].max() for mask in masks]
        return torch.stack([torch.from_numpy(frames[..., 0] == v).float() - 0.5 for v in values])

    def masks(self, logits: Tensor, height: int, width: int) -> ndarray:
        return (logits > 0).numpy()


@pytest.mark.parametrize(
    ("options", "ids", "prompts", "dropped"),
    [
        ({}, {1, 2, 3}, [(0, 1), (3, 2)], {"proposal_known": 1}),
        ({"look_again": False}, {1}, [(0, 1)], {}),
        ({"objects": ObjectFilter(top=1)}, {1}, [(0, 1)], {}),
        (
            {"objects": ObjectFilter(top=2)},
            {1, 2},
            [(0, 1), (3, 1)],
            {"proposal_known": 1, "proposal_top": 1},
        ),
        (
            {"objects": ObjectFilter(min_presence=0.7)},
            {1},
            [(0, 1), (3, 2)],
            {"object_rare": 2, "proposal_known": 1},
        ),
    ],
    ids=["all", "first only", "full", "room for one", "rare"],
)
def test_objects_that_come_later(
    monkeypatch: pytest.MonkeyPatch, options: Any, ids: set[int], prompts: Any, dropped: Any
) -> None:
    truth = np.zeros((6, 32, 32), np.uint8)
    truth[:, 2:10, 2:10] = 1
    truth[2:, 16:26, 14:24] = 2  # after the first frame, before the middle one
    truth[3:, 2:8, 20:26] = 3
    network = Scripted()
    monkeypatch.setattr(sam2, "_network", lambda weights, device: network)
    frames = np.repeat(truth[..., None], 3, axis=3)
    found = Sam2(Path("unused"), device="cpu", **options).segment(frames)
    np.testing.assert_array_equal(found.labels, np.where(np.isin(truth, list(ids)), truth, 0))
    assert found.scores == pytest.approx([0.9, 0.8, 0.7][: len(ids)])
    assert (network.prompts, found.dropped) == (prompts, dropped)


def test_bfloat16_gives_numbers_that_numpy_can_hold(
    network: Sam2Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = squares(3)
    exact = network.follow(frames, boxes(), 1)
    half = torch.autocast("cpu", torch.bfloat16)
    monkeypatch.setattr(Sam2Network, "_precision", lambda self: half)
    rounded = network.follow(frames, boxes(), 1)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < 0.2
    assert network.propose(frames[0], **GRID).scores.dtype == float


def test_the_name_tells_what_decides_the_objects(folder: Path, copy: Path) -> None:
    segmenter = pickle.loads(pickle.dumps(Sam2(folder)))
    assert segmenter == Sam2(folder)
    assert segmenter.name == Sam2(copy, points_per_batch=2).name
    assert str(ObjectFilter()) in segmenter.name
    assert Sam2(folder, EVERYTHING).name != segmenter.name
    config = json.loads((copy / "config.json").read_text())
    other = copy.with_name("other")
    shutil.copytree(copy, other)
    (other / "config.json").write_text(json.dumps(config | {"num_maskmem": 3}))
    assert Sam2(other).name != segmenter.name


def test_folders_that_hold_no_sam2(copy: Path) -> None:
    config, weights = copy / "config.json", copy / "model.safetensors"
    state = load_file(weights)
    save_file({n: v for n, v in state.items() if "memory_encoder" not in n}, weights)
    with pytest.raises(NetworkError, match=r"lacks \d+ tensors of Sam2VideoModel.*memory_encoder"):
        Sam2Network(copy, device="cpu")
    save_file(state, weights)
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(NetworkError, match="does not load as Sam2VideoModel"):
        Sam2Network(copy, device="cpu")
    config.write_text(json.dumps({"model_type": "sam"}))
    with pytest.raises(NetworkError, match=r"a network of type 'sam'\. Expected"):
        _ = Sam2(copy).name
    config.write_text("{")
    with pytest.raises(NetworkError, match="is no configuration"):
        _ = Sam2(copy).name
    weights.rename(copy / "pytorch_model.bin")
    with pytest.raises(NetworkError, match=r"holds .*pytorch_model.*model.safetensors"):
        _ = Sam2(copy).name
    with pytest.raises(NetworkError, match="is no folder"):
        _ = Sam2(copy / "nowhere").name


def test_a_processor_of_another_network(copy: Path) -> None:
    path = copy / "processor_config.json"
    config = json.loads(path.read_text())
    config["video_processor"]["size"] = {"height": 32, "width": 32}
    path.write_text(json.dumps(config))
    with pytest.raises(NetworkError, match=r"sees pictures of 64 pixels, .* makes them 32x32"):
        Sam2Network(copy, device="cpu")


def test_a_missing_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers.models.sam2_video", None)
    told = r"not installed: pip install 'jepakit\[sam2\]'"
    with pytest.raises(NetworkError, match=told):
        _ = Sam2(folder).name
    with pytest.raises(NetworkError, match=told):
        Sam2Network(folder, device="cpu")


def test_settings_out_of_range() -> None:
    with pytest.raises(ValueError, match="points_per_side"):
        Sam2(Path("sam2"), points_per_side=0)
    with pytest.raises(ValueError, match="pred_iou_thresh"):
        Sam2(Path("sam2"), pred_iou_thresh=1.2)
