from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.progress import Progress
from traced_clips import clips, encoder

from jepakit.interp import traces
from jepakit.interp.activation_store import ActivationStore
from jepakit.interp.clip_set import ClipSet, ClipsInMemory
from jepakit.interp.traces import trace
from jepakit.nn import VisionTransformer
from jepakit.nn.stretch import stream_names

POOLS = ("mean", "time_mean", "space_mean")


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_site_and_pooling_in_one_pass(tmp_path: Path) -> None:
    model, data = encoder(), clips()
    runs: list[int] = []
    model.blocks[0].register_forward_hook(lambda *_: runs.append(1))
    sites = ["all", "blocks.01.mlp.hidden"]
    store = trace(model, data, store=tmp_path, sites=sites, pools=POOLS, batch_size=4)
    assert len(runs) == 3  # 4 + 4 + 2 clips
    names = [*stream_names(3), "blocks.01.mlp.hidden"]
    seen = model.double()(torch.from_numpy(data.pixels), capture=names).captured
    for name in names:
        x = seen[name].detach().numpy().reshape(10, 2, 4, -1)
        for pool, axes in (("mean", (1, 2)), ("time_mean", 2), ("space_mean", 1)):
            rows = store.read(name, pool)
            assert rows.dtype == np.float32
            np.testing.assert_allclose(rows, x.mean(axis=axes).reshape(10, -1), atol=2e-4)


@pytest.mark.parametrize("position", ["sincos", "learned", "rope"])
def test_the_model_is_cut_after_the_last_site(tmp_path: Path, position: str) -> None:
    model = encoder(position=position)
    ran: list[int] = []
    for number, block in enumerate(model.blocks):
        block.register_forward_hook(lambda *_, n=number: ran.append(n))
    trace(model, clips(), store=tmp_path, sites=["embed", "blocks.01.attn"])
    assert ran == [0, 1]


def test_finished_readings_are_not_computed_again(tmp_path: Path) -> None:
    model = encoder()
    trace(model, clips(), store=tmp_path, sites=["1"])
    before = content(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traces, "read_pools", lambda *_: pytest.fail("computed again"))
        trace(model, clips(), store=tmp_path, sites=["1"])
    assert content(tmp_path) == before
    store = trace(model, clips(), store=tmp_path, sites=["0", "1"], pools=["mean", "time_mean"])
    assert len(store.readings) == 4
    after = content(tmp_path)
    assert {name: after[name] for name in before} == before


def test_the_encoder_is_left_as_it_was(tmp_path: Path) -> None:
    model = encoder()
    model.train()
    model.blocks[1].eval()
    modes = [module.training for module in model.modules()]
    trace(model, clips(), store=tmp_path)
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_another_model_data_or_transform_is_refused(tmp_path: Path) -> None:
    trace(encoder(), clips(), store=tmp_path, sites=["0"])
    for name, model, data, transform in (
        ("model", encoder(1), clips(), "none"),
        ("encoder", encoder(heads=4), clips(), "none"),
        ("data", encoder(), clips(seed=1), "none"),
        ("transform", encoder(), clips(), "blur 2"),
    ):
        with pytest.raises(ValueError, match=f"{tmp_path} holds other.* {name} there is"):
            trace(model, data, store=tmp_path, sites=["0"], transform=transform)


def test_still_images(tmp_path: Path) -> None:
    model = encoder(images=True)
    store = trace(model, clips(frames=1), store=tmp_path, pools=["time_mean", "space_mean"])
    assert store.read("norm", "time_mean").shape == (10, 24)
    assert store.read("norm", "space_mean").shape == (10, 4 * 24)


def test_token_caches_are_half_precision_and_large_ones_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, asked = encoder(), []
    store = trace(model, clips(), store=tmp_path / "a", pools=(), tokens=["1"])
    tokens = store.read("blocks.01.out", "tokens")
    assert (tokens.shape, tokens.dtype) == ((10, 8 * 24), np.float16)
    exact = model(torch.from_numpy(clips().pixels), until="blocks.01.out").tokens
    np.testing.assert_allclose(tokens.reshape(80, 24), exact.detach(), rtol=1e-3, atol=1e-3)
    monkeypatch.setattr(traces, "ASK_BYTES", 3000)
    for confirm in (None, lambda text: asked.append(text) or False):
        with pytest.raises(ValueError, match=r"blocks.01.out for 10 clips take 3.85 kB"):
            trace(model, clips(), store=tmp_path / "b", tokens=["1"], confirm=confirm)
    assert len(asked) == 1
    assert ActivationStore(tmp_path / "b").readings == ()
    trace(model, clips(), store=tmp_path / "b", tokens=["1"], confirm=lambda _: True)
    trace(model, clips(), store=tmp_path / "b", tokens=["1"])  # it is there: nothing to ask


def test_progress_counts_what_is_there(tmp_path: Path) -> None:
    with Progress(disable=True) as progress:
        for _ in range(2):
            trace(encoder(), clips(), store=tmp_path, sites=["embed"], progress=progress)
        assert [task.completed for task in progress.tasks] == [10, 10]


def test_bad_input_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    model, folder = encoder(), tmp_path / "s"
    with pytest.raises(ValueError, match=r"Unknown activations .*blocks.24.out.* has embed, "):
        trace(model, clips(), store=folder, sites=["24"])
    with pytest.raises(ValueError, match=r"clips \(t h w 3\) of shape \(4, 16, 16, 3\), came \(2"):
        trace(model, clips(frames=2), store=folder)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        trace(model, clips(), store=folder, batch_size=0)
    with pytest.raises(ValueError, match="Nothing to trace"):
        trace(model, clips(), store=folder, pools=())
    with pytest.raises(ValueError, match="No clips to trace"):
        trace(model, clips(0), store=folder)
    assert not folder.exists()


def test_activations_that_are_not_finite_are_named(tmp_path: Path) -> None:
    model = encoder()
    with torch.no_grad():
        model.blocks[1].fc2.bias[0] = torch.inf
    with pytest.raises(ValueError, match=r"blocks.01.out/mean is not finite .*'clip-0'"):
        trace(model, clips(), store=tmp_path)


def test_memory_holds_rows_only() -> None:
    model: VisionTransformer = encoder()
    readings = [("embed", "mean"), ("norm", "mean")]
    rows = traces.read_pools(model, torch.from_numpy(clips().pixels), readings)
    assert {key: value.shape for key, value in rows.items()} == dict.fromkeys(readings, (10, 24))
    # One place for all, made before the pass.
    places = {row.untyped_storage().data_ptr() for row in rows.values()}
    assert len(places) == 1
    assert rows["embed", "mean"].untyped_storage().nbytes() == 2 * 10 * 24 * 4


def test_clips_in_memory_are_a_clip_set() -> None:
    assert isinstance(clips(), ClipSet)
    assert isinstance(replace(clips()), ClipsInMemory)
