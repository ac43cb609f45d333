"""Published names and ours: parity on recorded weights, round trips, refusals."""

import pytest
import torch
from official import recorded

from jepakit.nn.attentive_pooler import AttentiveClassifier
from jepakit.nn.patches import linear_from_conv
from jepakit.nn.vit import VisionTransformer
from vjepa2.probe_files import (
    hf_probe_state,
    official_probe_state,
    official_probe_states,
    to_official_probe_state,
)


def ours(blocks=2):
    probe = AttentiveClassifier(8, 3, heads=2, blocks=blocks)
    for parameter in probe.parameters():
        torch.nn.init.normal_(parameter)
    return probe.state_dict()


def as_hf(official):
    """Written out apart from the code under test: the names of Hugging Face, q k v separate."""
    state = {}
    for name, value in official.items():
        new = name.replace("cross_attention_block.", "cross_attention_layer.")
        new = new.replace("blocks.", "self_attention_layers.").replace("linear.", "classifier.")
        new = new.replace(".norm", ".layer_norm").replace(".attn.proj.", ".self_attn.out_proj.")
        new = new.replace(".xattn.q.", ".cross_attn.q_proj.")
        for joint, place, letters in (
            (".attn.qkv.", ".self_attn.", "qkv"),
            (".xattn.kv.", ".cross_attn.", "kv"),
        ):
            if joint in new:
                for letter, part in zip(letters, value.chunk(len(letters)), strict=True):
                    state[new.replace(joint, f"{place}{letter}_proj.")] = part
                break
        else:
            state[new] = value
    return state


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_there_and_back_again(blocks):
    state = ours(blocks)
    official = to_official_probe_state(state)
    assert official["pooler.query_tokens"].shape == (1, 1, 8)
    assert same(official_probe_state(official), state)
    assert same(hf_probe_state(as_hf(official)), state)


def test_names_of_the_recorded_file_come_back():
    for part in ("depth1", "depth3"):
        state = recorded("official_attentive_probe_tiny")[part]["state_dict"]
        assert same(to_official_probe_state(official_probe_state(state)), state)


def test_names_in_the_hf_form_are_those_of_the_recorded_file():
    state = recorded("hf_vjepa2_classifier_tiny")["state_dict"]
    own = {name for name in state if not name.startswith("vjepa2.")}
    assert set(as_hf(to_official_probe_state(ours(2)))) == own


def hf_encoder(state):
    """Our encoder with the weights of the recorded Hugging Face model."""
    encoder = VisionTransformer(
        64, depth=2, heads=2, frames=4, size=32, patch=8, tubelet=2, position="rope_tiled"
    )
    own = {}
    for kind in ("weight", "bias"):
        own[f"norm.{kind}"] = state[f"vjepa2.encoder.layernorm.{kind}"]
        patches = state[f"vjepa2.encoder.embeddings.patch_embeddings.proj.{kind}"]
        own[f"patches.proj.{kind}"] = linear_from_conv(patches) if kind == "weight" else patches
        for number in range(2):
            layer = f"vjepa2.encoder.layer.{number}."
            qkv = [state[f"{layer}attention.{part}.{kind}"] for part in ("query", "key", "value")]
            own[f"blocks.{number}.qkv.{kind}"] = torch.cat(qkv)
            for theirs, name in (
                ("attention.proj", "proj"),
                ("norm1", "norm1"),
                ("norm2", "norm2"),
                ("mlp.fc1", "fc1"),
                ("mlp.fc2", "fc2"),
            ):
                own[f"blocks.{number}.{name}.{kind}"] = state[f"{layer}{theirs}.{kind}"]
    encoder.load_state_dict(own)
    return encoder.eval()


def test_hf_classifier_is_reproduced_from_pixels_to_logits():
    file = recorded("hf_vjepa2_classifier_tiny")
    frames = file["pixel_values_videos"].permute(0, 1, 3, 4, 2)
    tokens = hf_encoder(file["state_dict"])(frames).dense()
    probe = AttentiveClassifier(64, 5, heads=2, blocks=2, eps=1e-6)
    probe.load_state_dict(hf_probe_state(file["state_dict"]))
    torch.testing.assert_close(probe(tokens), file["logits"], atol=2e-5, rtol=0)


def test_the_prefix_of_ddp_is_dropped():
    state = ours()
    wrapped = {f"module.{k}": v for k, v in to_official_probe_state(state).items()}
    assert same(official_probe_state(wrapped), state)


def test_every_head_of_a_published_file_is_read():
    states = [ours(), ours()]
    file = {"classifiers": [to_official_probe_state(state) for state in states], "epoch": 20}
    for found, state in zip(official_probe_states(file), states, strict=True):
        assert same(found, state)


def test_refuses_a_file_without_classifiers():
    with pytest.raises(ValueError, match=r"list 'classifiers', this one only \['encoder'\]"):
        official_probe_states({"encoder": {}})


@pytest.mark.parametrize(
    ("read", "write"),
    [
        (official_probe_state, to_official_probe_state),
        (hf_probe_state, lambda state: as_hf(to_official_probe_state(state))),
        (to_official_probe_state, dict),
    ],
    ids=["official", "hf", "ours"],
)
def test_lists_all_missing_and_unexpected_names(read, write):
    state = write(ours(1))
    lost = sorted(state)[:2]
    state |= {"verb.weight": torch.zeros(1)}
    kept = {name: value for name, value in state.items() if name not in lost}
    with pytest.raises(ValueError, match="The names are not those of") as caught:
        read(kept)
    assert f"Missing: {lost}" in str(caught.value)
    assert "Unexpected: ['verb.weight']" in str(caught.value)


@pytest.mark.parametrize("name", ["linear.scale", "pooler.cross_attention_block.xattn.proj.weight"])
def test_refuses_what_is_only_unexpected(name):
    state = to_official_probe_state(ours(1)) | {name: torch.zeros(1)}
    with pytest.raises(ValueError, match=r"Missing: \[\]. Unexpected: \['") as caught:
        official_probe_state(state)
    assert name in str(caught.value)


def test_refuses_a_gap_in_the_blocks():
    state = to_official_probe_state(ours(2))
    gap = {name: value for name, value in state.items() if ".blocks.0." not in name}
    with pytest.raises(ValueError, match=r"Missing: \['pooler\.blocks\.0\.attn"):
        official_probe_state(gap)
