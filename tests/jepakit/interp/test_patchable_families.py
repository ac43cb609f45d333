from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from patchable_models import (
    DEPTH,
    FAMILIES,
    HUGGING,
    NATIVE,
    SIDE,
    TIMM,
    adapter,
    clips,
    model_of,
    transformers,
)
from torch import Tensor, nn

from jepakit.interp.adapters.huggingface import VJepa2Encoder, load_huggingface
from jepakit.interp.adapters.native import NativeEncoder
from jepakit.interp.adapters.resolve import patchable
from jepakit.interp.adapters.timm_vit import TimmViTEncoder
from jepakit.interp.patchable import all_sites, stream_points
from jepakit.nn import Edit, VisionTransformer

FOREIGN = (*HUGGING, *TIMM)
PREFIX = {"mae": 1, "beit": 1, "beit_shared": 1, "timm": 1, "timm_registers": 3}


def pixels(frames: Tensor, mean: Any, std: Any) -> Tensor:
    """``(b t 3 h w)``."""
    return ((frames / 255 - torch.tensor(mean)) / torch.tensor(std)).movedim(-1, 2)


@torch.no_grad()
def direct(family: str, frames: Tensor) -> tuple[list[Tensor], Tensor]:
    """What the library itself answers: outputs of the blocks, and after the last norm."""
    model: Any = model_of(family)
    wrapped: Any = adapter(family)
    x = pixels(frames, wrapped.mean, wrapped.std)
    if family in TIMM:
        final, hidden = model.forward_intermediates(x.squeeze(1), norm=False, output_fmt="NLC")[::1]
        return list(hidden), final[:, PREFIX.get(family, 0) :]
    if family == "vjepa2":
        out = model(x, output_hidden_states=True, skip_predictor=True)
        return list(out.hidden_states), out.last_hidden_state
    if family != "mae":
        out = model(x.squeeze(1), output_hidden_states=True)
        skip = PREFIX.get(family, 0)
        return [h[:, skip:] for h in out.hidden_states], out.last_hidden_state[:, skip:]
    # Shuffled by random noise, and brought back into order.
    noise = torch.rand(len(frames), 16, generator=torch.Generator().manual_seed(3))
    ratio, model.config.mask_ratio = model.config.mask_ratio, 0.0
    out = model(x.squeeze(1), noise=noise, output_hidden_states=True)
    model.config.mask_ratio = ratio
    order = out.ids_restore.unsqueeze(-1).expand(-1, -1, 24)
    every = [*out.hidden_states, out.last_hidden_state]
    restored = [h[:, 1:].gather(1, order) for h in every]
    return restored[:-1], restored[-1]


@pytest.mark.parametrize("family", FOREIGN)
def test_runs_as_the_library_runs_it(family: str) -> None:
    encoder = adapter(family)
    frames = clips(encoder)
    run = encoder.run(frames)
    hidden, final = direct(family, frames)
    # Attention over shuffled tokens adds in another order; everything else is the same kernels.
    near = {"rtol": 0, "atol": 2e-5 if family == "mae" else 0}
    torch.testing.assert_close(run.stream[-1], final, **near)
    assert encoder.prefix_tokens == run.prefix.shape[2] == PREFIX.get(family, 0)
    blocks = hidden[-DEPTH:]
    if family == "ijepa":  # its hidden_states: the embedding, then every block before the norm
        assert len(hidden) == DEPTH + 1
        assert torch.equal(run.stream[0], hidden[0])
    torch.testing.assert_close(run.resid, torch.stack(blocks), **near)


@pytest.mark.parametrize("family", NATIVE)
def test_names_of_our_own_are_translated(family: str) -> None:
    encoder, model = adapter(family), model_of(family)
    assert isinstance(model, VisionTransformer)
    frames = clips(encoder)
    run, own = encoder.run(frames, record=encoder.sites), model(frames, capture=model.names)
    assert torch.equal(run.stream[-1], own.dense())
    for site, name in zip(encoder.sites, model.names, strict=True):
        assert torch.equal(run.values[site].flatten(0, 1), own.captured[name]), site


@pytest.mark.parametrize("family", FAMILIES)
def test_every_site_is_recorded_and_changes_nothing(family: str) -> None:
    encoder = adapter(family)
    assert encoder.sites == all_sites(DEPTH)
    frames = clips(encoder)
    plain, seen = encoder.run(frames), encoder.run(frames, record=encoder.sites)
    assert torch.equal(plain.stream, seen.stream)
    assert torch.equal(plain.prefix, seen.prefix)
    assert set(seen.values) == set(encoder.sites)
    n = encoder.grid[0] * encoder.grid[1] * encoder.grid[2]
    for site, value in seen.values.items():
        # V-JEPA 2, timm: int(24 * 2.5); the other images: 40.
        hidden = 40 if family in ("ijepa", "mae", "beit", "beit_shared") else 60
        assert value.shape == (2, n, hidden if site.endswith("mlp_hidden") else 24), site
    for row, name in enumerate(stream_points(DEPTH)):
        assert plain.point(name) == row
        assert torch.equal(seen.values[name], plain.stream[row])
    # Where nothing scales the branches, they are what is added.
    if family not in ("beit", "beit_shared", "timm"):
        added = seen.values["0.resid"] + seen.values["1.attn"] + seen.values["1.mlp"]
        torch.testing.assert_close(seen.values["1.resid"], added)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("site", ["0.q", "1.k", "1.v", "1.attn", "1.mlp_hidden", "1.mlp"])
def test_an_edit_changes_its_site_and_nothing_before_it(family: str, site: str) -> None:
    encoder = adapter(family)
    frames = clips(encoder)
    plain = encoder.run(frames, record=encoder.sites)
    rows = torch.tensor([1, 5])
    edits = {site: Edit.apply(lambda x: x.flip(-1) + 2, rows)}
    edited = encoder.run(frames, record=encoder.sites, edits=edits)
    before = encoder.sites[: encoder.sites.index(site)]
    same_block = {f"{site.split('.')[0]}.{part}" for part in "qkv"} - {site}
    for name in {*before, *(same_block if site[-1] in "qkv" else ())}:
        assert torch.equal(edited.values[name], plain.values[name]), name
        for apart in edited.prefix_values.keys() & {name}:
            assert torch.equal(edited.prefix_values[apart], plain.prefix_values[apart])
    was, now = (run.values[site].flatten(0, 1) for run in (plain, edited))
    assert torch.equal(now[rows], was[rows].flip(-1) + 2)
    others = torch.ones(len(was), dtype=torch.bool).index_fill(0, rows, value=False)
    assert torch.equal(now[others], was[others])
    if encoder.prefix_tokens:
        assert torch.equal(edited.prefix_values[site], plain.prefix_values[site])
    block = int(site.split(".")[0])
    moved = (edited.resid[block] - plain.resid[block]).abs().flatten(0, 1).amax(dim=1)
    assert moved[rows].min() > 1e-5 or site[-1] in "kv"
    assert moved.max() > 1e-5
    if site[-1] not in "kv":  # keys and values reach every token of the clip
        assert not moved[others].any()
    else:
        assert moved[others].max() > 1e-6
    tokens = encoder.grid[0] * encoder.grid[1] * encoder.grid[2]
    assert torch.equal(edited.stream[:, rows.max() // tokens + 1 :], plain.stream[:, 1:])


@pytest.mark.parametrize("family", ["mae", "beit", "timm_registers"])
def test_class_tokens_are_edited_apart(family: str) -> None:
    encoder = adapter(family)
    frames = clips(encoder)
    plain = encoder.run(frames, record=["1.v"])
    edits = {"1.v": Edit.replace(0.0)}
    edited = encoder.run(frames, record=["1.v"], prefix_edits=edits)
    assert not edited.prefix_values["1.v"].any()
    assert torch.equal(edited.values["1.v"], plain.values["1.v"])
    assert (edited.resid[1] - plain.resid[1]).abs().max() > 1e-4


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("after", ["embed", "0.resid", "2.resid"])
def test_going_on_from_the_stream_is_the_same_to_the_last_bit(family: str, after: str) -> None:
    encoder = adapter(family)
    whole = encoder.run(clips(encoder), record=["2.mlp"])
    row = whole.point(after)
    on = encoder.resume(whole.stream[row], after=after, prefix=whole.prefix[row])
    assert on.first == row
    assert on.depth == DEPTH
    assert torch.equal(on.stream, whole.stream[row:])
    assert torch.equal(on.prefix, whole.prefix[row:])
    assert len(on.resid) == DEPTH - max(row - 1, 0)
    with pytest.raises(ValueError, match="no point of this stream"):
        on.point("7.resid")


@pytest.mark.parametrize("family", FAMILIES)
def test_unknown_sites_list_those_that_exist(family: str) -> None:
    encoder = adapter(family)
    frames = clips(encoder)
    listed = r"Unknown sites \['9.attn'\]; available: embed, 0.q, 0.k, 0.v, 0.attn, 0.mlp_hidden"
    with pytest.raises(ValueError, match=listed):
        encoder.run(frames, record=["9.attn"])
    with pytest.raises(ValueError, match=listed):
        encoder.run(frames, edits={"9.attn": Edit.add(1.0)})
    run = encoder.run(frames)
    start = {"prefix": run.prefix[2], "after": "1.resid"}
    with pytest.raises(ValueError, match=r"Unknown sites \['0.mlp'\]; available: 1.resid, 2.q"):
        encoder.resume(run.stream[2], record=["0.mlp"], **start)
    with pytest.raises(ValueError, match=r"cannot go on after '1.mlp': only after embed, 0.resid"):
        encoder.resume(run.stream[2], after="1.mlp")
    if not encoder.prefix_tokens:
        with pytest.raises(ValueError, match="no class tokens"):
            encoder.run(frames, prefix_edits={"0.mlp": Edit.add(1.0)})


@pytest.mark.parametrize("family", FAMILIES)
def test_clips_of_another_number_of_tokens_are_refused(family: str) -> None:
    encoder = adapter(family)
    frames = clips(encoder)
    larger = torch.cat([frames, frames], dim=2)
    with pytest.raises(ValueError, match=rf"takes clips .* which make \({encoder.grid[0]}, 4, 4\)"):
        encoder.run(larger)
    with pytest.raises(ValueError, match="takes clips"):
        encoder.run(torch.cat([frames, frames], dim=1))
    run = encoder.run(frames)
    with pytest.raises(ValueError, match=r"goes on from tokens|no stream of this encoder"):
        encoder.resume(run.stream[1][:, :-1], after="0.resid", prefix=run.prefix[1])


@pytest.mark.parametrize("family", ["rope", "ijepa", "beit"])
def test_activations_that_are_not_finite_are_refused_by_name(family: str) -> None:
    encoder = adapter(family)
    frames = clips(encoder)
    bad = {"1.mlp": Edit.replace(float("nan"), torch.tensor([3]))}
    with pytest.raises(ValueError, match=r"not finite, first at '1.mlp'"):
        encoder.run(frames, record=["1.attn", "1.mlp"], edits=bad)
    with pytest.raises(ValueError, match=r"not finite, first at '1.resid'"):
        encoder.run(frames, edits=bad)
    with pytest.raises(ValueError, match=r"not finite, first at 'embed'"):
        encoder.run(torch.full(frames.shape, float("inf")))


@pytest.mark.parametrize("family", ["sincos", "mae", "timm"])
def test_normalised_floats_are_taken_as_they_are(family: str) -> None:
    encoder: Any = adapter(family)
    frames = clips(encoder)
    mean = getattr(encoder, "mean", (0.485, 0.456, 0.406))
    std = getattr(encoder, "std", (0.229, 0.224, 0.225))
    floats = pixels(frames, mean, std).movedim(2, -1)
    torch.testing.assert_close(encoder.run(floats).stream, encoder.run(frames).stream)


def test_hooks_and_modes_are_as_before() -> None:
    encoder, model = adapter("mae"), model_of("mae")
    hooks = [(len(p._forward_hooks), len(p._forward_pre_hooks)) for p in model.modules()]
    model.train()
    ratio = model.config.mask_ratio  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="must fit"):
        encoder.run(clips(encoder), edits={"1.mlp": Edit.add(torch.ones(7))})
    encoder.run(clips(encoder), record=encoder.sites)
    assert hooks == [(len(p._forward_hooks), len(p._forward_pre_hooks)) for p in model.modules()]
    assert model.training
    assert model.config.mask_ratio == ratio == 0.75  # type: ignore[union-attr]
    model.eval()


def test_a_video_of_another_length() -> None:
    encoder = VJepa2Encoder(model_of("vjepa2"), frames=2)
    assert encoder.grid == (1, 4, 4)
    frames = clips(encoder, seed=1).repeat(1, 2, 1, 1, 1)
    final = direct("vjepa2", frames)[1]
    assert torch.equal(encoder.run(frames).stream[-1], final)
    with pytest.raises(ValueError, match="multiple of 2, came 3"):
        VJepa2Encoder(model_of("vjepa2"), frames=3)


def test_loads_a_folder(tmp_path: Any) -> None:
    model: Any = model_of("ijepa")
    model.save_pretrained(tmp_path)
    loaded = load_huggingface(str(tmp_path), name="mine")
    assert loaded.name == "mine"
    frames = clips(loaded)
    assert torch.equal(loaded.run(frames).stream, adapter("ijepa").run(frames).stream)
    hf = transformers()
    other = hf.ViTModel(hf.ViTConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=2))
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(ValueError, match="is a ViTModel; adapters are for"):
        load_huggingface(str(tmp_path / "other"))


def test_without_transformers_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r"pip install 'transformers>=5.0'"):
        load_huggingface("facebook/ijepa_vith14_1k")


def test_models_without_an_adapter_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no adapter for torch.nn.modules.linear.Linear: .*Beit"):
        patchable(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="stills=True is for encoders with images=True"):
        NativeEncoder(model_of("rope"), stills=True)  # type: ignore[arg-type]


def test_other_blocks_and_compiled_ones_are_refused() -> None:
    timm = pytest.importorskip("timm")
    options = {"img_size": SIDE, "patch_size": 4, "embed_dim": 24, "depth": 1, "num_heads": 2}
    vit = timm.models.vision_transformer
    parallel = vit.VisionTransformer(**options, block_fn=vit.ParallelThingsBlock)
    named = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    with pytest.raises(ValueError, match=r"\(ParallelThingsBlock\) has no q \(attn.qkv\)"):
        TimmViTEncoder(parallel, **named)
    model = vit.VisionTransformer(**options)
    with pytest.raises(ValueError, match="does not say how its pixels are normalised"):
        TimmViTEncoder(model)
    model.blocks[0].compile(backend="eager")
    with pytest.raises(ValueError, match="is compiled, and hooks may not run"):
        TimmViTEncoder(model, **named)
