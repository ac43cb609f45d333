from __future__ import annotations

from typing import Any

import pytest
import torch
from patchable_models import DEPTH, FAMILIES, adapter, blackened, clips, model_of, quarter
from torch import Tensor

from jepakit.interp.drift import token_drift
from jepakit.interp.patch_plans import PatchPlan
from jepakit.interp.patchable import Recorded, all_sites
from jepakit.interp.patching import PairedRuns, patch, patched_runs, record_pair
from jepakit.nn import Edit, VisionTransformer

SITES = all_sites(DEPTH)[:-1]
GROUP = ("1.mlp_hidden", "2.attn")


def pair(family: str, *, count: int = 2, side_by_side: int = 1) -> PairedRuns:
    """Random clips against the same with a black quarter."""
    encoder = adapter(family)
    frames = clips(encoder, count=count)
    hidden = quarter(encoder, count=count)
    named: Any = {"hidden": hidden, "sites": SITES, "side_by_side": side_by_side}
    return record_pair(encoder, frames, blackened(frames), **named)


def untouched(family: str, *, side_by_side: int) -> PairedRuns:
    """Random clips against themselves."""
    encoder = adapter(family)
    named: Any = {"hidden": quarter(encoder), "sites": SITES, "side_by_side": side_by_side}
    return record_pair(encoder, clips(encoder), clips(encoder), **named)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side_by_side", [1, 3])
def test_own_clean_values_change_nothing_to_the_last_bit(family: str, side_by_side: int) -> None:
    runs = untouched(family, side_by_side=side_by_side)
    assert torch.equal(runs.clean.stream, runs.corrupted.stream)
    plans = {site: PatchPlan((site,), "full", changes=False) for site in SITES}
    plans["group"] = PatchPlan(GROUP, "context", changes=False)
    seen = []
    for name, patched in patched_runs(runs, plans):
        assert torch.equal(patched.stream, runs.clean.stream[patched.first :]), name
        assert torch.equal(patched.prefix, runs.clean.prefix[patched.first :]), name
        seen.append(name)
    assert sorted(seen) == sorted(plans)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side_by_side", [1, 2])
def test_the_whole_stream_restores_all_that_follows(family: str, side_by_side: int) -> None:
    runs = pair(family, side_by_side=side_by_side)
    plans = {f"{n}.resid": PatchPlan((f"{n}.resid",)) for n in range(DEPTH)}
    plans["embed"] = PatchPlan(("embed",))
    base, curves = runs.base.global_, patch(runs, plans)
    assert base.min() > 1e-3
    for name, curve in curves.items():
        block = -1 if name == "embed" else int(name[0])
        for part in (curve.global_, curve.masked, curve.context):
            assert not part[max(block, 0) :].any()  # rescue is 1, exactly
        assert torch.equal(curve.global_[: max(block, 0)], base[: max(block, 0)])


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_tokens_of_the_last_mlp_never_reach_the_context(family: str) -> None:
    runs = pair(family)
    last = f"{DEPTH - 1}.mlp"
    curve = patch(runs, {"late": PatchPlan((last,), "masked")})["late"]
    assert torch.equal(curve.context, runs.base.context)  # rescue is 0, exactly
    assert (curve.masked[-1] - runs.base.masked[-1]).abs().min() > 1e-4
    earlier = patch(runs, {"early": PatchPlan(("1.mlp",), "masked")})["early"]
    assert not torch.equal(earlier.context, runs.base.context)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mode", ["full", "masked", "context"])
def test_the_hidden_layer_and_the_output_of_an_mlp_are_one(family: str, mode: Any) -> None:
    runs = pair(family, side_by_side=2)
    plans = {site: PatchPlan((site,), mode) for site in ("1.mlp_hidden", "1.mlp")}
    inner, outer = patch(runs, plans).values()
    torch.testing.assert_close(inner.context, outer.context, rtol=0, atol=1e-6)
    torch.testing.assert_close(inner.masked, outer.masked, rtol=0, atol=1e-6)
    assert (inner.global_[1:] - runs.base.global_[1:]).abs().max() > 1e-4


@pytest.mark.parametrize("mode", ["full", "masked", "context"])
def test_equals_edits_by_hand(mode: Any) -> None:
    model = model_of("rope")
    assert isinstance(model, VisionTransformer)
    runs = pair("rope")
    clean = clips(runs.encoder)
    hidden = quarter(runs.encoder).flatten()
    chosen = {"full": torch.ones_like(hidden), "masked": hidden, "context": ~hidden}[mode]
    names = ("blocks.01.mlp.hidden", "blocks.02.attn", "blocks.02.out")
    with torch.no_grad():
        donor = model(clean, capture=names).captured
        edits = {name: Edit.replace(donor[name][chosen], chosen) for name in names[:2]}
        out = model(blackened(clean), capture=names, edits=edits).captured["blocks.02.out"]
    expected = token_drift(donor["blocks.02.out"].unflatten(0, (2, -1)), out.unflatten(0, (2, -1)))
    curve = patch(runs, {"group": PatchPlan(GROUP, mode)})["group"]
    torch.testing.assert_close(curve.global_[2], expected.mean(dim=1), rtol=0, atol=1e-7)


def test_runs_side_by_side_equal_each_alone() -> None:
    plans = {
        f"{site} {mode}": PatchPlan((site,), mode, changes=None)
        for site in SITES[::-4]  # not in the order in which they run
        for mode in ("full", "masked", "context")
    }
    alone = patch(pair("timm"), plans)
    for count in (2, 7):
        together = patch(pair("timm", side_by_side=count), plans)
        assert list(together) == list(plans)
        for name, curve in together.items():
            torch.testing.assert_close(curve.context, alone[name].context, rtol=0, atol=1e-6)


def test_what_is_kept_of_a_pair_and_of_a_patch() -> None:
    runs = pair("sincos", side_by_side=3)
    assert set(runs.clean.values) == set(SITES)
    assert runs.corrupted.values == {}
    ((_, patched),) = patched_runs(runs, {"group": PatchPlan(GROUP, "masked")})
    assert patched.first == 1
    assert set(patched.values) == set(GROUP)
    hidden = runs.hidden
    for site in GROUP:
        assert torch.equal(patched.values[site][hidden], runs.clean.values[site][hidden])
        assert not torch.equal(patched.values[site][~hidden], runs.clean.values[site][~hidden])


def test_random_donors_are_of_the_plan_and_not_of_the_order() -> None:
    runs = pair("ijepa", count=3)

    def curves(*names: str, donor: Any = "other", seed: int = 0) -> dict[str, Tensor]:
        plans = {name: PatchPlan(GROUP, "masked", donor) for name in names}
        generator = torch.Generator().manual_seed(seed)
        found = patch(runs, plans, generator=generator)
        return {name: curve.masked[-1] for name, curve in found.items()}

    one, two = curves("a"), curves("a", "b")
    assert torch.equal(one["a"], two["a"])
    assert not torch.equal(two["a"], two["b"])
    clean = patch(runs, {"clean": PatchPlan(GROUP, "masked")})["clean"].masked[-1]
    for donor in ("other", "same_norm"):
        assert (curves("a", donor=donor)["a"] - clean).abs().min() > 1e-3
    with pytest.raises(ValueError, match="'same_norm' is random: give a generator"):
        patch(runs, {"a": PatchPlan(GROUP, "masked", "same_norm")})


@pytest.mark.parametrize("family", ["mae", "rope"])
def test_another_image_gives_all_sites_of_a_plan(family: str) -> None:
    runs = pair(family)  # of two images the other one is known
    plan = PatchPlan(("1.attn", "2.mlp"), "full", "other")
    ((_, patched),) = patched_runs(runs, {"p": plan}, generator=torch.Generator())
    for site in plan.sites:
        assert torch.equal(patched.values[site], runs.clean.values[site].flip(0))
        if family == "mae":
            apart = runs.clean.prefix_values[site]
            assert torch.equal(patched.prefix_values[site], apart.flip(0))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (PatchPlan(("1.attn", "5.mlp")), r"Unknown sites \['5.mlp'\]; available: embed, 0.q"),
        (PatchPlan(("0.v",)), r"record_pair kept no \['0.v'\]"),
        (PatchPlan(("1.attn",), donor="other"), "'other' is random: give a generator"),
        (PatchPlan(("1.attn",), changes=False), r"'p' changed the activations at 1.attn \(full\)"),
        (PatchPlan(("0.q",), "context"), r"left as they were the activations at 0.q \(context\)"),
    ],
)
def test_refused_plans(plan: PatchPlan, message: str) -> None:
    encoder = adapter("sincos")
    frames, hidden = clips(encoder), quarter(encoder)
    runs = record_pair(encoder, frames, blackened(frames), hidden=hidden, sites=["1.attn", "0.q"])
    with pytest.raises(ValueError, match=message):
        patch(runs, {"p": plan})


def test_a_site_that_cannot_differ_may_be_patched_on_purpose() -> None:
    runs = pair("sincos")
    curve = patch(runs, {"p": PatchPlan(("0.q",), "context", changes=None)})["p"]
    assert torch.equal(curve.context, runs.base.context)


def test_refused_pairs() -> None:
    encoder = adapter("ijepa")
    frames, hidden = clips(encoder), quarter(encoder)
    named: Any = {"hidden": hidden, "sites": ["1.attn"]}
    with pytest.raises(ValueError, match=r"hidden must be \(2, 16\).*came \(2, 15\)"):
        record_pair(encoder, frames, frames, **named | {"hidden": hidden[:, 1:]})
    with pytest.raises((ValueError, TypeError), match=r"both clips of one shape|Type-check"):
        record_pair(encoder, frames, frames[:1], **named)
    with pytest.raises(ValueError, match="side_by_side must be at least 1, came 0"):
        record_pair(encoder, frames, frames, **named, side_by_side=0)
    with pytest.raises(ValueError, match=r"Unknown sites \['1.att'\]; available"):
        record_pair(encoder, frames, frames, **named | {"sites": ["1.att"]})
    lone = record_pair(encoder, frames[:1], blackened(frames[:1]), **named | {"hidden": hidden[:1]})
    with pytest.raises(ValueError, match="give 2 images or more"):
        patch(lone, {"p": PatchPlan(("1.attn",), donor="other")}, generator=torch.Generator())
    nothing = torch.zeros_like(hidden)
    with pytest.raises(ValueError, match="need hidden and visible tokens"):
        _ = record_pair(encoder, frames, frames, **named | {"hidden": nothing}).base


class Losing:
    """An encoder that loses edits, or makes more of them than were asked for."""

    def __init__(self, encoder: Any, how: str) -> None:
        self.encoder, self.how = encoder, how

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def run(self, frames: Tensor, **named: Any) -> Recorded:
        return self.encoder.run(frames, **named)

    def resume(self, stream: Tensor, **named: Any) -> Recorded:
        edits = named.pop("edits")
        if self.how == "silent":
            return self.encoder.resume(stream, **named)
        run = self.encoder.resume(stream, edits=edits, **named)
        rows = slice(0, 1) if self.how == "other" else slice(15, 16)
        for value in run.values.values():
            value[:, rows] = 3.0
        return run


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("silent", "computed 0 times"),
        ("other", "does not hold the donor's values"),
        ("more", "More of 1.attn was changed than the chosen tokens"),
    ],
)
def test_an_adapter_that_loses_a_patch_is_found_out(how: str, message: str) -> None:
    encoder = Losing(adapter("ijepa"), how)
    frames, hidden = clips(encoder), quarter(encoder)
    named: Any = {"hidden": hidden, "sites": ["1.attn"]}
    runs = record_pair(encoder, frames, blackened(frames), **named)
    plans = {"p": PatchPlan(("1.attn",), "masked")}
    with torch.inference_mode(), pytest.raises(AssertionError, match=message):
        patch(runs, plans)
