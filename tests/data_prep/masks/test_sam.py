"""Segment Anything: the package's own masks, from weights that are read without running code."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_sam import small_sam, squares

from data_prep.masks.networks import NetworkError
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.proposed import Proposed
from data_prep.masks.sam import Sam, _mask_generator
from data_prep.masks.sam_network import build_sam, read_sam, sam_kind
from data_prep.masks.segmenter import Proposals

LOOSE: dict[str, Any] = {
    "points_per_side": 6,
    "pred_iou_thresh": 0.0,
    "stability_score_thresh": 0.0,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def package() -> Any:
    return pytest.importorskip(
        "segment_anything", reason="compares with the package: pip install 'jepakit[sam]'"
    )


@pytest.fixture(scope="module")
def network(package: Any) -> Any:
    return small_sam()


@pytest.fixture(scope="module")
def checkpoint(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "small.pth"
    torch.save(network.state_dict(), path)
    return path


def same(one: Sequence[Proposals], other: Sequence[Proposals]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.masks, b.masks)
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-6)


@pytest.mark.parametrize("shape", [(64, 64), (48, 80)])
@pytest.mark.parametrize("thresholds", [(0.0, 0.0), (0.7, 0.5)])
def test_masks_are_those_of_the_generator_called_directly(
    package: Any,
    network: Any,
    checkpoint: Path,
    shape: tuple[int, int],
    thresholds: tuple[float, float],
) -> None:
    frames = squares(3, 80)[:, : shape[0], : shape[1]]
    options = dict(zip(("pred_iou_thresh", "stability_score_thresh"), thresholds, strict=True))
    direct = package.SamAutomaticMaskGenerator(network, points_per_side=6, **options)
    ours = list(Sam(checkpoint, **(LOOSE | options)).propose(frames))
    assert max(len(found) for found in ours) > 1
    for frame, found in zip(frames, ours, strict=True):
        records = direct.generate(frame)
        assert len(found) == len(records)
        assert found.masks.dtype == bool
        for mask, score, record in zip(found.masks, found.scores, records, strict=True):
            np.testing.assert_array_equal(mask, record["segmentation"])
            assert score == pytest.approx(min(1.0, record["predicted_iou"]), abs=1e-6)
            assert thresholds[0] < score <= 1


def test_the_number_of_points_in_a_batch_does_not_matter(checkpoint: Path) -> None:
    many = list(Sam(checkpoint, **LOOSE).propose(squares(2)))
    for batch in (1, 7):
        same(many, list(Sam(checkpoint, points_per_batch=batch, **LOOSE).propose(squares(2))))


def test_a_frame_without_masks(checkpoint: Path) -> None:
    (found,) = Sam(checkpoint, **(LOOSE | {"pred_iou_thresh": 1.0})).propose(squares(1, 48))
    assert (found.masks.shape, found.scores.shape) == ((0, 48, 48), (0,))


def test_scores_stay_within_0_and_1(network: Any, tmp_path: Path) -> None:
    state = {name: value.clone() for name, value in network.state_dict().items()}
    state["mask_decoder.iou_prediction_head.layers.2.bias"] += 0.4
    torch.save(state, tmp_path / "sure.pth")
    (found,) = Sam(tmp_path / "sure.pth", **LOOSE).propose(squares(1))
    assert 0 < found.scores.min() <= found.scores.max() == 1


def test_objects_of_a_clip(checkpoint: Path) -> None:
    objects = ObjectFilter(min_area=0.0, max_area=1.0, max_containment=1.0)
    segmenter = pickle.loads(pickle.dumps(Proposed(Sam(checkpoint, **LOOSE), objects)))
    _mask_generator.cache_clear()
    found = segmenter.segment(squares())
    assert found.labels.shape == (4, 64, 64)
    assert len(found.scores) == found.labels.max() > 1
    again = segmenter.segment(squares())
    np.testing.assert_array_equal(again.labels, found.labels)
    assert (_mask_generator.cache_info().misses, _mask_generator.cache_info().hits) == (1, 1)


def test_the_name_tells_what_decides_the_masks(checkpoint: Path, tmp_path: Path) -> None:
    name = Sam(checkpoint, **LOOSE).name
    assert name.startswith("Sam(vit 64x2, weights=")
    copy = tmp_path / "elsewhere.pth"
    copy.write_bytes(checkpoint.read_bytes())
    assert Sam(copy, points_per_batch=3, **LOOSE).name == name
    assert Sam(checkpoint, **(LOOSE | {"points_per_side": 9})).name != name
    torch.save({n: v + 1 for n, v in torch.load(copy).items()}, tmp_path / "other.pth")
    assert Sam(tmp_path / "other.pth", **LOOSE).name != name


def test_bfloat16_gives_numbers_that_numpy_can_hold(checkpoint: Path) -> None:
    generator = _mask_generator(Sam(checkpoint, **LOOSE))
    exact = generator.generate(squares(1)[0])[0]["predicted_iou"]
    with torch.autocast("cpu", torch.bfloat16):
        rounded = generator.generate(squares(1)[0])[0]["predicted_iou"]
    assert 0 < abs(rounded - exact) < 0.1


@pytest.mark.parametrize("form", ["legacy.pth", "half.pth", "weights.safetensors"])
def test_other_files_of_the_same_weights(
    network: Any, checkpoint: Path, tmp_path: Path, form: str
) -> None:
    state, path = network.state_dict(), tmp_path / form
    if form == "legacy.pth":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif form == "half.pth":
        torch.save({name: value.half() for name, value in state.items()}, path)
    else:
        save_file(state, path)
    loaded = read_sam(path)
    tolerance = 2e-3 if form == "half.pth" else 0.0
    for name, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, state[name], rtol=tolerance, atol=tolerance)


def test_loading_draws_no_random_numbers_and_trains_nothing(checkpoint: Path) -> None:
    before = torch.get_rng_state()
    loaded = read_sam(checkpoint)
    assert torch.equal(torch.get_rng_state(), before)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    torch.testing.assert_close(loaded.pixel_mean.ravel(), torch.tensor([123.675, 116.28, 103.53]))


@pytest.mark.parametrize("kind", ["vit_b", "vit_l", "vit_h"])
def test_published_sizes_are_read_off_the_weights(package: Any, kind: str) -> None:
    with torch.device("meta"):
        published = package.sam_model_registry[kind]()
    state = published.state_dict()
    built = build_sam(state)
    assert repr(built) == repr(published)
    shapes = {name: value.shape for name, value in built.state_dict().items()}
    assert shapes == {name: value.shape for name, value in state.items()}
    pairs = zip(built.image_encoder.blocks, published.image_encoder.blocks, strict=True)
    for ours, theirs in pairs:
        assert ours.window_size == theirs.window_size
        assert ours.attn.num_heads == theirs.attn.num_heads
    assert built.image_encoder.img_size == 1024
    assert built.prompt_encoder.mask_input_size == published.prompt_encoder.mask_input_size
    attention = [
        part.transformer.final_attn_token_to_image
        for part in (built.mask_decoder, published.mask_decoder)
    ]
    assert attention[0].num_heads == attention[1].num_heads


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_refused_and_not_run(
    checkpoint: Path, tmp_path: Path, zipped: bool
) -> None:
    state = torch.load(checkpoint) | {"extra": Bomb(tmp_path / "trace")}
    path = tmp_path / "bomb.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(NetworkError, match="would run code"):
        next(iter(Sam(path, **LOOSE).propose(squares(1))))
    with pytest.raises(NetworkError, match="would run code"):
        _ = Sam(path, **LOOSE).name
    assert not (tmp_path / "trace").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "trace").exists()  # it is a bomb


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_truncated_files_are_refused(checkpoint: Path, tmp_path: Path, form: str) -> None:
    path = tmp_path / ("cut.safetensors" if form == "safetensors" else "cut.pth")
    state = torch.load(checkpoint)
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    whole = path.read_bytes()
    for share in (0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(NetworkError, match="cannot be read as weights"):
            read_sam(path)


def _without(name: str) -> Any:
    return lambda state: {key: value for key, value in state.items() if key != name}


DEFECTS: dict[str, tuple[Any, str]] = {
    "another network": (
        lambda state: {"conv1.weight": torch.zeros(3), "fc.weight": torch.zeros(2)},
        r"has no image_encoder.*2 entries: conv1.weight, fc.weight",
    ),
    "training file": (lambda state: {"model": state, "epoch": 3}, "entries: model, epoch"),
    "no tensors": (lambda state: dict.fromkeys(state, 1.0), "not all of it is tensors"),
    "a part missing": (_without("image_encoder.pos_embed"), "image_encoder.pos_embed"),
    "a bias missing": (_without("image_encoder.neck.1.bias"), "image_encoder.neck.1.bias"),
    "a block of another reach": (
        lambda state: state | {"image_encoder.blocks.1.attn.rel_pos_h": torch.zeros(9, 16)},
        "size mismatch",
    ),
    "wrong dimensions": (
        lambda state: state | {"image_encoder.patch_embed.proj.weight": torch.zeros(64)},
        "is no checkpoint of Segment Anything",
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_other_weights_are_refused_and_named(checkpoint: Path, tmp_path: Path, name: str) -> None:
    change, told = DEFECTS[name]
    torch.save(change(torch.load(checkpoint)), tmp_path / "odd.pth")
    with pytest.raises(NetworkError, match=told):
        read_sam(tmp_path / "odd.pth")


def test_the_kind_of_a_published_size(tmp_path: Path) -> None:
    state = {"image_encoder.patch_embed.proj.bias": torch.zeros(768)}
    state |= {f"image_encoder.blocks.{block}.norm1.bias": torch.zeros(1) for block in range(12)}
    state |= dict.fromkeys(
        ("prompt_encoder.no_mask_embed.weight", "mask_decoder.mask_tokens.weight"), torch.zeros(1)
    )
    torch.save(state, tmp_path / "b.pth")
    assert sam_kind(tmp_path / "b.pth") == "vit_b"


def test_missing_weights_and_a_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NetworkError, match=r"no weights at .*nowhere\.pth"):
        _ = Sam(tmp_path / "nowhere.pth").name
    (tmp_path / "empty.pth").touch()
    monkeypatch.setitem(sys.modules, "segment_anything", None)
    told = r"needs? segment_anything, which is not installed: pip install 'jepakit\[sam\]'"
    for use in (lambda sam: sam.name, lambda sam: next(iter(sam.propose(squares(1))))):
        with pytest.raises(NetworkError, match=told) as refused:
            use(Sam(tmp_path / "empty.pth"))
    assert isinstance(refused.value, ValueError)  # one line for the user
    assert isinstance(refused.value, ImportError)  # and no reason to reject a clip


@pytest.mark.skipif(torch.cuda.is_available(), reason="tells what happens without a GPU")
def test_a_gpu_that_is_not_there(checkpoint: Path) -> None:
    with pytest.raises(NetworkError, match="finds no GPU"):
        next(iter(Sam(checkpoint, device="cuda").propose(squares(1))))


@pytest.mark.parametrize(
    "setting",
    [
        {"points_per_side": 0},
        {"points_per_batch": 0},
        {"pred_iou_thresh": 1.5},
        {"stability_score_thresh": -0.1},
    ],
    ids=str,
)
def test_settings_out_of_range(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        Sam(Path("sam.pth"), **setting)
