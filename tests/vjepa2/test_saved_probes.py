"""Probe files as modules: recorded logits, our own files and back, refusals that name the cure."""

from pathlib import Path

import pytest
import torch
from official import clips, difference, recorded

from jepakit.evals.classification.level_tokens import LevelTokens
from jepakit.evals.probes.controls import random_init
from jepakit.nn.attentive_pooler import AttentiveClassifier
from jepakit.nn.vit import VisionTransformer
from vjepa2.checkpoints.official import encoder_state
from vjepa2.checkpoints.pretrained import fill
from vjepa2.probe_files import to_official_probe_state
from vjepa2.saved_probes import read_probe, write_probe


def probe(seed=0, **options):
    sizes = {"heads": 2, "blocks": 2} | options
    made = random_init(lambda: AttentiveClassifier(8, 3, **sizes), seed)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(seed))
    return made.eval()


def tokens():
    return torch.randn(4, 5, 8, generator=torch.Generator().manual_seed(7))


def published(path: Path, *probes):
    """A file as the released code writes it, from wrapped classifiers."""
    states = [
        {f"module.{name}": value for name, value in to_official_probe_state(p.state_dict()).items()}
        for p in probes
    ]
    torch.save({"classifiers": states, "opt": [], "scaler": None, "epoch": 20}, path)
    return path


@pytest.mark.parametrize("depth", ["depth1", "depth3"])
def test_recorded_logits_come_out_of_a_file(depth, tmp_path):
    record = recorded("official_attentive_probe_tiny")
    path = tmp_path / "probe.pt"
    torch.save({"classifiers": [record[depth]["state_dict"]], "epoch": 1}, path)
    saved = read_probe(path, heads=record["config"]["num_heads"])
    assert (saved.levels, saved.names) == (None, ())
    assert difference(saved.probe(record[depth]["tokens"]), record[depth]["logits"]) <= 2e-5


def test_a_huggingface_file_is_the_same_probe(tmp_path):
    state = recorded("hf_vjepa2_classifier_tiny")["state_dict"]
    torch.save(state, tmp_path / "model.pt")
    found = read_probe(tmp_path / "model.pt", heads=2).probe
    assert torch.equal(found.head.weight, state["classifier.weight"])
    assert (found.head.out_features, len(found.pooler.blocks)) == (5, 2)


def test_our_own_file_comes_back_with_what_it_learned_from(tmp_path):
    write_probe(probe(), tmp_path / "p.pt", levels=(1, 3), names=("a", "b", "c"))
    saved = read_probe(tmp_path / "p.pt")  # its 2 heads are in the file
    assert torch.equal(saved.probe(tokens()), probe()(tokens()))
    assert (saved.levels, saved.names) == ((1, 3), ("a", "b", "c"))
    assert not saved.probe.training


def test_our_own_file_has_the_published_layout(tmp_path):
    write_probe(probe(), tmp_path / "p.pt")
    file = torch.load(tmp_path / "p.pt", weights_only=True)
    (state,) = file["classifiers"]
    assert state["pooler.query_tokens"].shape == (1, 1, 8)
    assert {"linear.weight", "pooler.cross_attention_block.xattn.kv.bias"} < state.keys()


def test_narrow_mlps_and_no_blocks_are_read_from_the_shapes(tmp_path):
    made = probe(blocks=0, mlp_ratio=1.5)
    write_probe(made, tmp_path / "p.pt")
    assert torch.equal(read_probe(tmp_path / "p.pt").probe(tokens()), made(tokens()))


def test_one_of_several(tmp_path):
    path = published(tmp_path / "p.pt", probe(0), probe(1))
    for number in (0, 1):
        found = read_probe(path, number=number, heads=2).probe
        assert torch.equal(found(tokens()), probe(number)(tokens()))
    with pytest.raises(ValueError, match="holds 2 probes from number 0, so no 2"):
        read_probe(path, number=2, heads=2)


def test_levels_of_the_file_and_of_the_user(tmp_path):
    write_probe(probe(), tmp_path / "ours.pt", levels=(1, 3))
    ours = read_probe(tmp_path / "ours.pt")
    assert ours.levels_or(()) == ours.levels_or((1, 3)) == (1, 3)
    with pytest.raises(ValueError, match=r"learned from the levels \(1, 3\), not \(2, 3\)"):
        ours.levels_or((2, 3))
    theirs = read_probe(published(tmp_path / "theirs.pt", probe()), heads=2)
    assert theirs.levels_or((17, 19)) == (17, 19)
    write_probe(probe(), tmp_path / "last.pt")
    with pytest.raises(ValueError, match=r"from the levels \(\), not \(2,\)"):
        read_probe(tmp_path / "last.pt").levels_or((2,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"classifiers": []}, "has a list 'classifiers'"),
        ({"encoder": {}}, "holds an encoder and no probe"),
        ({"something": torch.zeros(1)}, "names are not those of an official attentive probe"),
        (
            {"classifiers": [{"module.action_classifier.weight": torch.zeros(1)}]},
            "action anticipation.*vjepa2.action_anticipation",
        ),
    ],
)
def test_refuses_other_files(content, message, tmp_path):
    torch.save(content, tmp_path / "p.pt")
    with pytest.raises(ValueError, match=message):
        read_probe(tmp_path / "p.pt")


def test_refuses_heads_that_do_not_divide(tmp_path):
    path = published(tmp_path / "p.pt", probe())
    with pytest.raises(ValueError, match=r"width \(8\) must be a multiple of heads \(16\)"):
        read_probe(path)


@torch.no_grad()
def test_levels_are_the_recorded_out_layers():
    """Two levels of the recorded encoder, behind one another on the axis of tokens."""
    record = recorded("official_encoder_tiny")
    shape, weights = encoder_state(record["state_dict"])
    arguments = shape.arguments(heads=2, frames=4, size=32) | {"levels": ()}
    encoder = VisionTransformer(**arguments).eval()
    fill(encoder, weights, what="encoder")
    first, second = record["out_layers_0_1"]
    found = LevelTokens(encoder, (0, 1)).encode(clips(record["video"])[: len(first)])
    assert difference(found, torch.cat([first, second], dim=1)) <= 2e-5
