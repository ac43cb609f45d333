from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from traced_clips import clips, encoder

from jepakit.interp.replay import Variant, cached_tokens, replay, tokens_at
from jepakit.interp.traces import trace
from jepakit.nn import Edit

FRAMES = torch.from_numpy(clips(5).pixels)
SITE = "blocks.01.out"
BASIS = torch.linalg.qr(torch.randn(24, 3, generator=torch.Generator().manual_seed(0))).Q


def ablated(h: Tensor) -> Tensor:
    return h - (h @ BASIS) @ BASIS.T


def steered(alpha: float) -> Variant:
    return Variant(lambda h: h + (alpha - 1) * ((h @ BASIS) @ BASIS.T), changes=alpha != 1)


@pytest.mark.parametrize("position", ["sincos", "learned", "rope"])
@pytest.mark.parametrize("site", ["embed", "blocks.00.out", SITE, "blocks.02.out"])
def test_without_an_edit_the_difference_is_exactly_zero(site: str, position: str) -> None:
    model = encoder(position=position)
    out = replay(model, tokens_at(model, FRAMES, site=site), {"plain": Variant.plain()}, site=site)
    pooled = model(FRAMES).dense().mean(dim=1)
    assert (out["plain"]["norm", "mean"] - pooled).abs().max().item() == 0.0


def test_pooled_and_network_level_agree_at_the_edited_block() -> None:
    model = encoder()
    tokens = tokens_at(model, FRAMES, site=SITE)
    read = [(SITE, "mean"), ("blocks.02.out", "mean"), ("norm", "mean")]
    out = replay(model, tokens, {"ablate": Variant(ablated)}, site=SITE, read=read)["ablate"]
    pooled = ablated(tokens.mean(dim=1))
    torch.testing.assert_close(out[SITE, "mean"], pooled, atol=1e-5, rtol=0)
    plain = replay(model, tokens, {"p": Variant.plain()}, site=SITE, read=read)["p"]
    assert (out["norm", "mean"] - plain["norm", "mean"]).abs().max() > 0.01
    # One block on, the edit no longer commutes with pooling.
    onward = ablated(plain["blocks.02.out", "mean"])
    assert (out["blocks.02.out", "mean"] - onward).abs().max() > 0.01


@pytest.mark.parametrize("batch_size", [1, 5, 7, 100])
def test_variants_side_by_side_equal_each_alone(batch_size: int) -> None:
    model = encoder()
    tokens = tokens_at(model, FRAMES, site=SITE)
    variants = {f"alpha {a}": steered(a) for a in (-2.0, 0.0, 1.0, 2.0)}
    variants["donor"] = Variant(lambda h: ablated(h) + h.roll(1, 0) - ablated(h.roll(1, 0)))
    out = replay(model, tokens, variants, site=SITE, batch_size=batch_size)
    assert list(out) == list(variants)
    for name, variant in variants.items():
        edits = {SITE: Edit.replace(variant.apply(name, tokens).flatten(0, 1))}
        alone = model(FRAMES, edits=edits).pooled()
        torch.testing.assert_close(out[name]["norm", "mean"], alone, atol=1e-5, rtol=0)


def test_only_the_chosen_tokens_are_edited() -> None:
    model = encoder()
    tokens = tokens_at(model, FRAMES, site=SITE)
    chosen = torch.zeros(8, dtype=torch.bool)
    chosen[[1, 6]] = True
    variant = Variant(ablated, tokens=chosen)
    edited = variant.apply("v", tokens)
    assert torch.equal(edited[:, ~chosen], tokens[:, ~chosen])
    assert torch.equal(edited[:, chosen], ablated(tokens)[:, chosen])
    read = [(SITE, "tokens")]
    seen = replay(model, tokens, {"v": variant}, site=SITE, read=read)["v"][SITE, "tokens"]
    assert torch.equal(seen.unflatten(1, (8, 24)), edited)
    one = torch.zeros(5, 8, dtype=torch.bool)
    one[2] = True
    out = replay(model, tokens, {"p": Variant.plain(), "v": Variant(ablated, one)}, site=SITE)
    moved = (out["v"]["norm", "mean"] - out["p"]["norm", "mean"]).abs().amax(dim=1)
    assert moved[2] > 0.01
    assert moved[[0, 1, 3, 4]].max() < 1e-6


def test_edits_are_held_to_what_they_promise() -> None:
    model = encoder()
    tokens = tokens_at(model, FRAMES, site=SITE)

    def run(variant: Variant) -> None:
        replay(model, tokens, {"v": variant}, site=SITE)

    none = torch.zeros(8, dtype=torch.bool)
    for idle in (Variant(lambda h: h), Variant(ablated, tokens=none), Variant()):
        with pytest.raises(ValueError, match="'v' left every token as it was"):
            run(idle)
    with pytest.raises(ValueError, match=r"'v' should be an exact no-op and changed .* up to"):
        run(Variant(lambda h: h + 1e-3, changes=False))
    with pytest.raises(ValueError, match=r"'v' made \(5, 24\) of tokens \(5, 8, 24\)"):
        run(Variant(lambda h: h.mean(dim=1)))
    run(Variant(lambda h: h, changes=None))


def test_bad_input_is_refused() -> None:
    model = encoder()
    tokens, plain = tokens_at(model, FRAMES, site=SITE), {"p": Variant.plain()}
    with pytest.raises(ValueError, match="no point of the residual stream; those are embed, "):
        replay(model, tokens, plain, site="blocks.01.mlp")
    with pytest.raises(ValueError, match=r"Nothing runs after 'blocks.01.out' until 'blocks.00"):
        replay(model, tokens, plain, site=SITE, read=[("blocks.00.out", "mean")])
    with pytest.raises(ValueError, match="Give variants"):
        replay(model, tokens, {}, site=SITE)
    with pytest.raises(ValueError, match="no stream of this encoder"):
        replay(model, tokens[:, :5], plain, site=SITE)


def test_from_cached_tokens(tmp_path: Path) -> None:
    model = encoder()
    store = trace(model, clips(5), store=tmp_path, sites=["norm"], tokens=["1"])
    tokens = cached_tokens(store, [3, 0], site=SITE, width=24)
    exact = tokens_at(model, FRAMES[[3, 0]], site=SITE)
    assert torch.equal(tokens, exact.half().float())
    out = replay(model, tokens, {"plain": Variant.plain()}, site=SITE)["plain"]["norm", "mean"]
    torch.testing.assert_close(out, torch.from_numpy(store.read("norm")[[3, 0]]), atol=5e-3, rtol=0)
