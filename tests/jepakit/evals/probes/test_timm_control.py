"""The timm control: its weights from a file, its pictures as timm prepares them."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch.nn import functional

from jepakit.evals.probes.timm_control import load_timm, timm_featuriser, without_classifier

NAME = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return timm.create_model(NAME).eval()


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(model.state_dict(), path)
    return path


def test_equals_timm_by_hand(model, weights):
    frames = torch.randint(0, 256, (2, 3, 32, 32, 3), dtype=torch.uint8)
    found = timm_featuriser(NAME, weights)(frames)
    images = frames[:, 0].permute(0, 3, 1, 2) / 255
    images = functional.interpolate(images, (224, 224), mode="bicubic", antialias=True)
    images = (images.clamp(0, 1) - 0.5) / 0.5  # of this model; not the usual ImageNet ones
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(images), pre_logits=True)
    assert found.shape == (2, 192)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_pytorch_files_with_and_without_a_classifier(model, weights, tmp_path):
    bare = without_classifier(model.state_dict(), "head")
    assert len(bare) == len(model.state_dict()) - 2
    torch.save({"state_dict": bare}, tmp_path / "bare.pt")
    first = load_timm(NAME, tmp_path / "bare.pt").state_dict()
    second = load_timm(NAME, weights).state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert without_classifier({"head.x": 1, "header": 2, "b": 3}, ("head", "b")) == {
        "header": 2,
        "b": 3,
    }
    assert without_classifier({"head.x": 1}, None) == {"head.x": 1}


def test_refusals(weights, tmp_path):
    with pytest.raises(ValueError, match=r"has no model 'vit_tiny_patch16'; near it: vit_tiny"):
        load_timm("vit_tiny_patch16", weights)
    with pytest.raises(FileNotFoundError, match=r"No timm weights at .*Nothing is downloaded"):
        load_timm(NAME, tmp_path / "absent.pt")
    with pytest.raises(ValueError, match="holds no weights of timm's vit_small_patch16_224"):
        load_timm("vit_small_patch16_224", weights)
    for name, content in (("x.pt", b"nonsense"), ("x.safetensors", b"nonsense"), ("y.pt", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="is no file of plain tensors"):
            load_timm(NAME, tmp_path / name)
    torch.save({"state_dict": {"a": Strange()}}, tmp_path / "strange.pt")
    with pytest.raises(ValueError, match="is no file of plain tensors"):
        load_timm(NAME, tmp_path / "strange.pt")


class Strange:
    """Not a tensor."""
