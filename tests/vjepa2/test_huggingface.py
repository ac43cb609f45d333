"""Hugging Face models, recorded and live, in both directions."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from official import difference, recorded, token_masks
from safetensors.torch import load_file
from torch import Tensor

from jepakit.masks import TubeMasker
from jepakit.nn import VisionTransformer
from jepakit.nn.attentive_pooler import AttentiveClassifier
from jepakit.nn.patches import IMAGENET_MEAN, IMAGENET_STD
from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.runs import RunFolder, build_model, load_run
from jepakit.weight_files import write_json, write_safetensors
from vjepa2 import VJEPA2, Predictor
from vjepa2.checkpoints.huggingface_config import video_arguments, video_encoder_config
from vjepa2.checkpoints.huggingface_folder import read_huggingface, write_huggingface
from vjepa2.checkpoints.pretrained import Pretrained, encoder_arguments, predictor_arguments
from vjepa2.checkpoints.run_folder import write_run
from vjepa2.convert import convert
from vjepa2.probe_files import hf_probe_state

NEAR = 2e-5
VIDEO: dict[str, Any] = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "mlp_ratio": 2.5,
    "crop_size": 32,
    "patch_size": 8,
    "frames_per_clip": 4,
    "pred_hidden_size": 24,
    "pred_num_hidden_layers": 2,
    "pred_num_attention_heads": 2,
    "pred_num_mask_tokens": 3,
}
IMAGE: dict[str, Any] = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 96,
    "image_size": 32,
    "patch_size": 8,
    "layer_norm_eps": 1e-6,
}


@pytest.fixture(scope="module")
def transformers() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations, while it is imported
        return pytest.importorskip(
            "transformers", reason="compares with live Hugging Face classes: install transformers"
        )


def randomised(model: torch.nn.Module) -> Any:
    """Every parameter random, so that each one counts."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=generator)
    return model.eval()


def frames(t: int = 4, size: int = 32) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (2, t, size, size, 3), dtype=torch.uint8, generator=generator)


def pixels(clip: Tensor) -> Tensor:
    """Normalised, as ``(b, t, 3, h, w)``."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    return ((clip.float() / 255 - mean) / std).permute(0, 1, 4, 2, 3)


def index(generator_seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Rising positions of context and target tokens of two clips of 32 tokens."""
    generator = torch.Generator().manual_seed(generator_seed)
    order = torch.stack([torch.randperm(32, generator=generator) for _ in range(2)])
    return order[:, :count].sort(1).values, order[:, count : 2 * count].sort(1).values


def same_bytes(one: Path, other: Path) -> bool:
    return (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


def same_config(one: Path, other: Path) -> bool:
    first, second = (json.loads((path / "config.json").read_text()) for path in (one, other))
    first.pop("transformers_version")
    return first == second


@torch.no_grad()
def test_recorded_model(tmp_path: Path) -> None:
    record = recorded("hf_vjepa2_tiny")
    write_json(json.loads(record["config"]), tmp_path / "config.json")
    write_safetensors(record["state_dict"], tmp_path / "model.safetensors")
    module = built(read_huggingface(tmp_path))
    video = record["pixel_values_videos"].permute(0, 1, 3, 4, 2).contiguous()
    full = module.target_encoder(video)
    assert difference(full.dense(), record["last_hidden_state"]) <= NEAR
    seen, hidden = record["context_mask"].sort(1), record["target_mask"].sort(1)
    masks = token_masks([seen.values], [hidden.values], 32)
    found = module.predictor(full.tokens[masks.context.index], masks).target
    order = hidden.indices.unsqueeze(2).expand(-1, -1, 64)
    expected = record["predictor_last_hidden_state"].gather(1, order)
    assert difference(found.unflatten(0, (3, -1)), expected) <= NEAR


@torch.no_grad()
def test_recorded_classifier(tmp_path: Path) -> None:
    """Its encoder and predictor come through the folder, its probe through ``probe_files``."""
    record = recorded("hf_vjepa2_classifier_tiny")
    write_json(json.loads(recorded("hf_vjepa2_tiny")["config"]), tmp_path / "config.json")
    write_safetensors(record["state_dict"], tmp_path / "model.safetensors")
    model = read_huggingface(tmp_path)
    assert model.record["left_out"][0] == "classifier.bias"
    video = record["pixel_values_videos"].permute(0, 1, 3, 4, 2).contiguous()
    tokens = built(model).target_encoder(video).dense()
    probe = AttentiveClassifier(64, 5, heads=2, blocks=2, eps=1e-6)
    probe.load_state_dict(hf_probe_state(record["state_dict"]))
    assert difference(probe(tokens), record["logits"]) <= NEAR


@pytest.mark.parametrize("mask_tokens", [1, 2, 3])
@torch.no_grad()
def test_there_and_back_again(transformers: Any, tmp_path: Path, mask_tokens: int) -> None:
    """Equal outputs of encoder and predictor on our side, the same bytes after the way back."""
    options = VIDEO | {"pred_num_mask_tokens": mask_tokens}
    theirs = randomised(transformers.VJEPA2Model(transformers.VJEPA2Config(**options)))
    theirs.save_pretrained(tmp_path / "theirs")
    convert(str(tmp_path / "theirs"), str(tmp_path / "ours"), to="ours")
    ours = load_run(tmp_path / "ours")
    assert isinstance(ours, VJEPA2)
    clip = frames()
    seen, hidden = index(3, 12)
    expected = theirs(pixels(clip), context_mask=[seen], target_mask=[hidden])
    assert difference(ours.encode(clip), expected.last_hidden_state) <= NEAR
    masks = token_masks([seen], [hidden], 32)
    tokens = ours.encode(clip).flatten(0, 1)
    found = ours.predictor(tokens[masks.context.index], masks).target.unflatten(0, (2, -1))
    assert difference(found, expected.predictor_output.last_hidden_state) <= NEAR
    convert(str(tmp_path / "ours"), str(tmp_path / "back"), to="huggingface")
    assert same_bytes(tmp_path / "theirs", tmp_path / "back")
    assert same_config(tmp_path / "theirs", tmp_path / "back")
    again = transformers.VJEPA2Model.from_pretrained(tmp_path / "back").eval()
    found = again(pixels(clip), context_mask=[seen], target_mask=[hidden])
    assert torch.equal(found.last_hidden_state, expected.last_hidden_state)
    prediction = found.predictor_output.last_hidden_state
    assert torch.equal(prediction, expected.predictor_output.last_hidden_state)


def test_weights_in_several_files(transformers: Any, tmp_path: Path) -> None:
    theirs = randomised(transformers.VJEPA2Model(transformers.VJEPA2Config(**VIDEO)))
    theirs.save_pretrained(tmp_path / "whole")
    theirs.save_pretrained(tmp_path / "parts", max_shard_size="50KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 2
    whole, parts = (read_huggingface(tmp_path / name) for name in ("whole", "parts"))
    assert all(torch.equal(whole.target[name], value) for name, value in parts.target.items())
    next((tmp_path / "parts").glob("*2-of*")).unlink()
    with pytest.raises(FileNotFoundError, match="lists model-00002-of"):
        read_huggingface(tmp_path / "parts")


@pytest.mark.parametrize("mask_tokens", [1, 3])
@torch.no_grad()
def test_a_trained_run_becomes_a_model(transformers: Any, tmp_path: Path, mask_tokens: int) -> None:
    """Hugging Face then predicts with the mask token that training used, the first."""
    encoder = VisionTransformer(
        48, depth=2, heads=2, frames=4, size=32, patch=8, mlp_ratio=2.5, position="rope_tiled"
    )
    predictor = Predictor(encoder, width=24, depth=2, heads=2, mask_tokens=mask_tokens)
    run = tmp_path / "run"
    run.mkdir()
    write_run(pretrained(randomised(encoder), randomised(predictor)), run)
    convert(str(run), str(tmp_path / "theirs"), to="huggingface")
    theirs = transformers.VJEPA2Model.from_pretrained(tmp_path / "theirs").eval()
    clip = frames()
    seen, hidden = index(4, 9)
    found = theirs(pixels(clip), context_mask=[seen], target_mask=[hidden])
    tokens = load_run(run).encode(clip)  # type: ignore[operator]
    assert difference(found.last_hidden_state, tokens) <= NEAR
    masks = token_masks([seen], [hidden], 32)
    expected = predictor(tokens.flatten(0, 1)[masks.context.index], masks).target
    prediction = found.predictor_output.last_hidden_state.flatten(0, 1)
    assert difference(prediction, expected) <= NEAR


@torch.no_grad()
def test_a_run_of_another_family_gets_a_fresh_predictor(transformers: Any, tmp_path: Path) -> None:
    model = {
        "class_path": "cjepa.CausalJEPA",
        "init_args": {
            "encoder": {
                "class_path": "jepakit.nn.VisionTransformer",
                "init_args": {
                    "width": 48,
                    "depth": 2,
                    "heads": 2,
                    "frames": 4,
                    "size": 32,
                    "patch": 8,
                    "position": "rope_tiled",
                },
            },
            "masker": {"class_path": "jepakit.masks.ObjectMasker"},
        },
    }
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    write_json({"model": model}, folder.config)  # JSON is YAML
    module = randomised(build_model(model))
    DurableCheckpointIO().save_checkpoint({"state_dict": module.state_dict()}, folder.last)
    convert(str(folder.path), str(tmp_path / "theirs"), to="huggingface")
    theirs = transformers.VJEPA2Model.from_pretrained(tmp_path / "theirs").eval()
    clip = frames()
    found = theirs(pixels(clip), skip_predictor=True).last_hidden_state
    assert difference(found, module.target_encoder.encode(clip)) <= NEAR
    record = json.loads((tmp_path / "theirs" / "conversion.json").read_text())
    assert record["to"]["fresh"] == ["predictor"]
    assert record["from"]["format"] == "run of CausalJEPA"


@torch.no_grad()
def test_images_there_and_back_again(transformers: Any, tmp_path: Path) -> None:
    theirs = randomised(transformers.IJepaModel(transformers.IJepaConfig(**IMAGE)))
    theirs.save_pretrained(tmp_path / "theirs")
    convert(str(tmp_path / "theirs"), str(tmp_path / "ours"), to="ours")
    ours, clip = load_run(tmp_path / "ours"), frames(t=1)
    assert isinstance(ours, VJEPA2)
    expected = theirs(pixels(clip)[:, 0]).last_hidden_state
    assert difference(ours.encode(clip), expected) <= NEAR
    convert(str(tmp_path / "ours"), str(tmp_path / "back"), to="huggingface")
    assert same_bytes(tmp_path / "theirs", tmp_path / "back")
    assert same_config(tmp_path / "theirs", tmp_path / "back")
    again = transformers.IJepaModel.from_pretrained(tmp_path / "back").eval()
    assert torch.equal(again(pixels(clip)[:, 0]).last_hidden_state, expected)


@pytest.mark.parametrize("kind", ["vjepa2", "ijepa"])
def test_names_that_are_not_expected_are_listed(
    transformers: Any, tmp_path: Path, kind: str
) -> None:
    """A pooling layer of an image model is not taken for a probe."""
    model = (
        transformers.VJEPA2Model(transformers.VJEPA2Config(**VIDEO))
        if kind == "vjepa2"
        else transformers.IJepaModel(transformers.IJepaConfig(**IMAGE), add_pooling_layer=True)
    )
    model.save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    state.pop(next(name for name in state if "layer.1" in name and "query.bias" in name))
    write_safetensors(state | {"odd": torch.zeros(1)}, tmp_path / "model.safetensors")
    unexpected = r"\['odd'\]" if kind == "vjepa2" else r"\['odd', 'pooler.dense.bias', .*\]"
    missing = r"Missing: \['encoder.layer.1.*query.bias'\]"
    with pytest.raises(ValueError, match=f"{missing}. Unexpected: {unexpected}"):
        read_huggingface(tmp_path)


def test_both_names_of_image_models_are_read(transformers: Any, tmp_path: Path) -> None:
    """Files hold the names of transformers 4; in memory those of 5."""
    theirs = randomised(transformers.IJepaModel(transformers.IJepaConfig(**IMAGE)))
    theirs.save_pretrained(tmp_path)
    old = read_huggingface(tmp_path)
    assert "encoder.layer.0.output.dense.bias" in load_file(tmp_path / "model.safetensors")
    write_safetensors(theirs.state_dict(), tmp_path / "model.safetensors")
    new = read_huggingface(tmp_path)
    assert old.target.keys() == new.target.keys()
    assert all(torch.equal(value, new.target[name]) for name, value in old.target.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (VIDEO | {"model_type": "vjepa2", "layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05"),
        (VIDEO | {"model_type": "vjepa2", "hidden_act": "gelu_new"}, "hidden_act is gelu_new"),
        (VIDEO | {"model_type": "vjepa2", "patch_size": [8, 4]}, "only squares"),
        (IMAGE | {"model_type": "ijepa", "layer_norm_eps": 1e-12}, "layer_norm_eps is 1e-12"),
        ({"model_type": "ijepa"}, "layer_norm_eps is 1e-12"),
        ({"model_type": "vit"}, "model_type vit; wanted: vjepa2 or ijepa"),
    ],
)
def test_options_that_are_not_ours_are_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    write_json(options, tmp_path / "config.json")
    write_safetensors({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=message):
        read_huggingface(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": "sincos"}, "no positions sincos"),
        ({"position": "rope"}, "no positions rope:"),
        ({"position": "rope_stretched", "levels": (0, 1)}, "rope_stretched and no normed levels"),
        ({"images": True}, "no tokenizer of its own for still images"),
        ({"size": (32, 48)}, r"no frames of \[32, 48\] pixels"),
        ({"position": "learned"}, "no clips of 4 frames"),
    ],
)
def test_encoders_that_hugging_face_has_not_are_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {"frames": 4, "size": 32, "patch": 8, "position": "rope_tiled"}
    encoder = VisionTransformer(48, depth=2, heads=2, **arguments | change)
    with pytest.raises(ValueError, match=message):
        write_huggingface(pretrained(encoder), tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_prediction_of_visible_tokens_is_refused(tmp_path: Path) -> None:
    encoder = VisionTransformer(
        48, depth=2, heads=2, frames=4, size=32, patch=8, position="rope_tiled"
    )
    predictor = Predictor(encoder, width=24, depth=1, heads=2, context=True)
    with pytest.raises(ValueError, match="no prediction of visible tokens"):
        write_huggingface(pretrained(encoder, predictor), tmp_path)


def built(model: Pretrained) -> VJEPA2:
    """The model in memory."""
    encoder = VisionTransformer(**model.encoder | {"levels": tuple(model.encoder["levels"])})
    assert model.predictor is not None
    predicting = model.predictor
    module = VJEPA2(
        encoder, masker=TubeMasker(), predictor=lambda encoder: Predictor(encoder, **predicting)
    )
    module.target_encoder.load_state_dict(model.target)
    module.predictor.load_state_dict(model.predictor_weights)
    return module.eval()


def pretrained(encoder: VisionTransformer, predictor: Predictor | None = None) -> Pretrained:
    weights, arguments = encoder.state_dict(), encoder_arguments(encoder)
    if predictor is None:
        return Pretrained(arguments, weights, weights)
    predicting = predictor_arguments(predictor, arguments)
    return Pretrained(arguments, weights, weights, predicting, predictor.state_dict())


@pytest.mark.parametrize(("width", "hidden"), [(1408, 6144), (1664, 8192), (48, 209), (49, 99)])
def test_hugging_face_rounds_to_the_same_width_of_the_mlps(width: int, hidden: int) -> None:
    """Theirs is rounded towards zero, ours to the nearest."""
    arguments = encoder_arguments(
        VisionTransformer(12, depth=1, heads=2, frames=2, size=16, patch=8, position="rope_tiled")
    )
    config = video_encoder_config(arguments | {"width": width, "mlp_ratio": hidden / width})
    assert int(width * config["mlp_ratio"]) == hidden
    encoder, _ = video_arguments(config)
    assert round(width * encoder["mlp_ratio"]) == hidden
