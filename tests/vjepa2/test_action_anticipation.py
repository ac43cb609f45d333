"""Anticipation against plain loops: which places are predicted, who reads what, files both ways."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from jepakit.evals.probes.controls import random_init
from jepakit.nn.vit import VisionTransformer
from vjepa2 import Predictor
from vjepa2.action_anticipation import ActionAnticipationProbe, AnticipatingEncoder
from vjepa2.anticipation_files import (
    official_anticipation_state,
    read_anticipation_probe,
    to_official_anticipation_state,
)

CLASSES = {"verb": 4, "noun": 5, "action": 7}


def randomised(module, seed=0):
    draws = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=draws) * 0.3
    return module.eval()


def parts(**options):
    """Clips of 4 frames on a grid of 16, 2 x 2 patches, 4 frames a second."""
    encoder = randomised(
        VisionTransformer(
            16, depth=2, heads=2, frames=16, size=16, patch=8, position="rope_tiled", tubelet=2
        )
    )
    predictor = randomised(Predictor(encoder, width=12, depth=2, heads=2, mask_tokens=3), seed=1)
    return encoder, predictor, AnticipatingEncoder(encoder, predictor, frames=4, fps=4.0, **options)


def frames():
    draws = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (3, 4, 16, 16, 3), generator=draws, dtype=torch.uint8)


def official_block(state, prefix, x, *, heads, eps=1e-5):
    """A pre-norm block without positions from official names, one sample."""

    def linear(name, value):
        return value @ state[f"{prefix}{name}.weight"].T + state[f"{prefix}{name}.bias"]

    def norm(name, value):
        centred = value - value.mean(dim=-1, keepdim=True)
        scale = (centred.square().mean(dim=-1, keepdim=True) + eps).sqrt()
        return centred / scale * state[f"{prefix}{name}.weight"] + state[f"{prefix}{name}.bias"]

    q, k, v = linear("attn.qkv", norm("norm1", x)).chunk(3, dim=1)
    width, read = x.shape[1] // heads, []
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        weights = (q[:, own] @ k[:, own].T / math.sqrt(width)).softmax(dim=1)
        read.append(weights @ v[:, own])
    x = x + linear("attn.proj", torch.cat(read, dim=1))
    return x + linear("mlp.fc2", F.gelu(linear("mlp.fc1", norm("norm2", x))))


def slow_probe(state, tokens, *, heads):
    """The official anticipation classifier written out for one sample, float64."""
    state = {name: value.double() for name, value in state.items()}
    x = tokens.double()
    blocks = 1 + max(int(name.split(".")[2]) for name in state if ".blocks." in name)
    for number in range(blocks):
        x = official_block(state, f"pooler.blocks.{number}.", x, heads=heads)
    cross = "pooler.cross_attention_block."
    query = state["pooler.query_tokens"][0]
    width = x.shape[1]

    def layer(name, value):
        return value @ state[f"{cross}{name}.weight"].T + state[f"{cross}{name}.bias"]

    def norm(name, value):
        weight, bias = state[f"{cross}{name}.weight"], state[f"{cross}{name}.bias"]
        return F.layer_norm(value, (width,), weight, bias, 1e-5)

    q = layer("xattn.q", query)
    k, v = layer("xattn.kv", norm("norm1", x)).chunk(2, dim=1)
    read = []
    for head in range(heads):
        own = slice(head * width // heads, (head + 1) * width // heads)
        scores = q[:, own] @ k[:, own].T / math.sqrt(width / heads)
        read.append(scores.softmax(dim=1) @ v[:, own])
    query = query + torch.cat(read, dim=1)
    query = query + layer("mlp.fc2", F.gelu(layer("mlp.fc1", norm("norm2", query))))
    return {
        name: query[row] @ state[f"{name}_classifier.weight"].T + state[f"{name}_classifier.bias"]
        for row, name in enumerate(("verb", "noun", "action"))
    }


def probe(classes=CLASSES):
    return randomised(ActionAnticipationProbe(16, classes, heads=2, blocks=2), seed=3)


def test_every_question_reads_its_own_query():
    tokens = torch.randn(3, 6, 16, generator=torch.Generator().manual_seed(4))
    found = probe()(tokens)
    state = to_official_anticipation_state(probe().state_dict())
    assert {name: logits.shape[1] for name, logits in found.items()} == CLASSES
    for sample in range(3):
        expected = slow_probe(state, tokens[sample], heads=2)
        for name in CLASSES:
            assert (found[name][sample] - expected[name]).abs().max() < 1e-4


@pytest.mark.parametrize("classes", [CLASSES, {"action": 7}])
def test_there_and_back_again(classes, tmp_path):
    state = probe(classes).state_dict()
    official = to_official_anticipation_state(state)
    assert official["pooler.query_tokens"].shape == (1, len(classes), 16)
    assert {f"{name}_classifier.weight" for name in classes} < official.keys()
    back = official_anticipation_state({f"module.{k}": v for k, v in official.items()})
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)
    torch.save({"classifiers": [official], "epoch": 20}, tmp_path / "ek100.pt")
    read = read_anticipation_probe(tmp_path / "ek100.pt", heads=2)
    tokens = torch.ones(1, 3, 16)
    for name, logits in read(tokens).items():
        assert torch.equal(logits, probe(classes)(tokens)[name])


@pytest.mark.parametrize("lost", ["noun_classifier.bias", "pooler.query_tokens"])
def test_lists_missing_and_unexpected_names(lost):
    official = to_official_anticipation_state(probe().state_dict())
    del official[lost]
    official["linear.weight"] = torch.zeros(1)
    with pytest.raises(ValueError, match="those of an official anticipation probe") as caught:
        official_anticipation_state(official)
    assert f"Missing: ['{lost}']. Unexpected: ['linear.weight']" in str(caught.value)


def test_refuses_a_probe_that_is_not_there(tmp_path):
    torch.save({"classifiers": [], "epoch": 1}, tmp_path / "p.pt")
    with pytest.raises(ValueError, match="holds 0 probes from number 0, so no 0"):
        read_anticipation_probe(tmp_path / "p.pt")
    with pytest.raises(ValueError, match=r"came \('noun', 'verb'\)"):
        ActionAnticipationProbe(16, {"noun": 2, "verb": 3}, heads=2)


@pytest.mark.parametrize(
    ("seconds", "tubelet"), [(0.0, 2), (0.4, 2), (0.5, 3), (1.0, 4), (1.99, 5), (2.9, 7)]
)
def test_the_place_that_is_predicted(seconds, tubelet):
    """4 frames a second are 2 tubelets a second, of 4 tokens each; 2 tubelets are seen."""
    _, _, both = parts()
    masks = both.masks(torch.tensor([seconds, 0.0]))
    assert masks.context.position.tolist() == list(range(8)) * 2
    assert masks.target.position[:4].tolist() == list(range(4 * tubelet, 4 * tubelet + 4))
    assert masks.target.position[4:].tolist() == [8, 9, 10, 11]


def test_seen_tokens_stand_before_those_predicted_one_by_one():
    """Every clip by itself, through the predictor as pretraining calls it."""
    encoder, predictor, both = parts(predicted_frames=4)
    seconds = torch.tensor([0.0, 1.0, 2.0])
    found = both(frames(), seconds)
    assert found.shape == (3, 8 + 8, 16)
    assert not found.requires_grad
    seen = encoder.resized(frames=4).encode(frames())
    assert torch.equal(found[:, :8], seen)
    for sample in range(3):
        masks = both.masks(seconds[sample : sample + 1])
        with torch.no_grad():
            alone = predictor(seen[sample], masks, mask_token=1).target
            other = predictor(seen[sample], masks, mask_token=0).target
        torch.testing.assert_close(found[sample, 8:], alone, atol=1e-5, rtol=0)
        assert (found[sample, 8:] - other).abs().max() > 1e-3


@pytest.mark.parametrize("seconds", [-0.1, 3.0])
def test_refuses_times_that_the_grid_does_not_have(seconds):
    _, _, both = parts()
    with pytest.raises(ValueError, match=r"from 0 to below 3\.0.* 8 tubelets end"):
        both(frames()[:1], torch.tensor([seconds]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"predicted_frames": 3}, "must be multiples of the tubelet"),
        ({"mask_token": 3}, "has 3 mask tokens from number 0, so no 3"),
    ],
)
def test_refuses_what_does_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        parts(**options)


def test_refuses_a_predictor_of_several_levels():
    encoder = random_init(
        lambda: VisionTransformer(
            16, depth=2, heads=2, frames=16, size=16, patch=8, tubelet=2, levels=(0, 1)
        ),
        0,
    )
    predictor = Predictor(encoder, width=12, depth=1, heads=2, mask_tokens=2)
    with pytest.raises(ValueError, match="reads several levels"):
        AnticipatingEncoder(encoder, predictor, frames=4)
