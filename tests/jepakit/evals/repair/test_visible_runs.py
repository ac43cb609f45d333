"""Identities of patches on the way to a predictor: own values, whole stream, unread places."""

import pytest
import torch
from tiny_predictors import DEPTH, clips, predictor, random_model

from jepakit.evals.repair.images.occluded_images import OBJECT
from jepakit.evals.repair.predictor.hidden_predictor import region_masks
from jepakit.evals.repair.predictor.visible_runs import (
    RUNS,
    VisibleRun,
    block_sites,
    clean_values,
)
from jepakit.interp.adapters.native import own_name
from jepakit.nn.edits import Edit

PARTS = ("q", "k", "v", "attn", "mlp_hidden", "mlp", "resid")
SITES = ["embed", *block_sites(DEPTH, PARTS)]
LAST = f"{DEPTH - 1}.resid"


@pytest.fixture(scope="module")
def encoder():
    return random_model().encoder


@pytest.fixture(scope="module")
def batch():
    (found,) = clips().batches(6)
    return found


@pytest.fixture(scope="module")
def masks(batch):
    return region_masks(batch.hidden[OBJECT])


@pytest.fixture(scope="module")
def clean(encoder, batch):
    return clean_values(encoder, batch.clean, SITES)


@pytest.fixture(scope="module")
def runs(encoder, batch, masks):
    pixels = {"dropped": batch.clean, "filled": batch.occluded[OBJECT]}
    return {
        name: VisibleRun.start(encoder, pixels[name], masks, dropped=name == "dropped")
        for name in RUNS
    }


def test_runs_are_those_of_training_and_of_the_picture_with_a_hole(encoder, batch, masks, runs):
    model = predictor().model
    own = model.visible_latents(batch.clean, masks)
    assert torch.equal(runs["dropped"].latents, own)
    with torch.no_grad():
        holed = encoder(batch.occluded[OBJECT]).tokens[masks.context.index]
    assert torch.equal(runs["filled"].latents, holed)
    assert runs["dropped"].hidden.numel() == 0
    assert len(set(masks.context.lengths)) > 1  # ragged


@pytest.mark.parametrize("name", RUNS)
def test_the_whole_stream_after_the_last_block_is_the_seen_context(name, clean, masks, runs):
    whole, values = clean
    found = runs[name].patched(LAST, values[LAST][masks.context.index])
    torch.testing.assert_close(found, whole[masks.context.index], atol=1e-6, rtol=0)
    before = runs[name].patched(
        f"{DEPTH - 2}.resid", values[f"{DEPTH - 2}.resid"][masks.context.index]
    )
    assert not torch.allclose(before, found, atol=1e-3)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("name", RUNS)
def test_own_values_change_no_bit(name, site, encoder, runs, batch):
    run = runs[name]
    pixels = batch.clean if name == "dropped" else batch.occluded[OBJECT]
    with torch.no_grad():
        own = encoder(pixels, run.packing, capture=[own_name(site)]).captured[own_name(site)]
    assert torch.equal(run.patched(site, own[run.visible]), run.latents)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("name", RUNS)
def test_going_on_from_the_stream_is_one_edited_pass(
    name, site, encoder, clean, masks, runs, batch
):
    value = clean[1][site][masks.context.index]
    pixels = batch.clean if name == "dropped" else batch.occluded[OBJECT]
    edit = {own_name(site): Edit.replace(value, runs[name].visible)}
    with torch.no_grad():
        whole = encoder(pixels, runs[name].packing, edits=edit).tokens[runs[name].visible]
    assert torch.equal(runs[name].patched(site, value), whole)


def test_visible_tokens_start_alike(clean, masks, runs):
    """So that nothing before attention can carry anything."""
    for site in ("embed", "0.q", "0.k", "0.v"):
        value = clean[1][site][masks.context.index]
        for name in RUNS:
            torch.testing.assert_close(
                runs[name].patched(site, value), runs[name].latents, atol=1e-6, rtol=0
            )
    assert not torch.allclose(
        runs["dropped"].patched("0.attn", clean[1]["0.attn"][masks.context.index]),
        runs["dropped"].latents, atol=1e-3,
    )  # fmt: skip


def test_hidden_tokens_of_the_last_block_reach_no_visible_one(clean, masks, runs):
    run, values = runs["filled"], clean[1]
    for part in ("attn", "mlp_hidden", "mlp", "resid"):
        site = f"{DEPTH - 1}.{part}"
        found = run.patched(site, values[site][masks.target.index], at="hidden")
        assert torch.equal(found, run.latents)
    early = run.patched("0.resid", values["0.resid"][masks.target.index], at="hidden")
    assert not torch.allclose(early, run.latents, atol=1e-3)


def test_hidden_layer_and_output_of_the_mlp_are_one_intervention(clean, masks, runs):
    for block in range(DEPTH):
        pair = [
            runs["dropped"].patched(site, clean[1][site][masks.context.index])
            for site in (f"{block}.mlp_hidden", f"{block}.mlp")
        ]
        torch.testing.assert_close(*pair, atol=1e-6, rtol=1e-5)


def test_unknown_sites_are_refused(encoder, batch, runs):
    with pytest.raises(ValueError, match=r"Unknown sites \['9.attn'\]"):
        clean_values(encoder, batch.clean, ["9.attn"])
    with pytest.raises(ValueError, match="Unknown sites"):
        runs["dropped"].patched("0.nose", torch.zeros(1, 24))
    with pytest.raises(ValueError, match=r"Unknown parts \['nose'\]"):
        block_sites(3, ["nose"])
