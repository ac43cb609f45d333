"""Errors of a predictor image by image, against a loop over single images."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny_predictors import DEPTH, clips, predictor, random_model

from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT
from jepakit.evals.repair.opened_models import OpenedModel
from jepakit.evals.repair.predictor.carried_errors import bound_of, taken_back
from jepakit.evals.repair.predictor.hidden_errors import CONTEXTS, hidden_errors
from jepakit.evals.repair.predictor.hidden_predictor import (
    HiddenPredictor,
    NoPredictor,
    foreign_images,
    region_masks,
)
from jepakit.evals.repair.run_repair import RepairRequest, RunRepair
from jepakit.interp.adapters.native import NativeEncoder
from jepakit.nn import VisionTransformer
from vjepa2 import VJEPA2, Predictor


@pytest.fixture(scope="module")
def images():
    return clips()


@pytest.fixture(scope="module")
def found(images):
    return hidden_errors(predictor(), images, batch_size=4)


def by_hand(model, frames, hidden, context):
    """Loss and angle of one image, token by token in float64."""
    masks = region_masks(hidden[None])
    target = model.target_latents(frames)[0][hidden].double()
    predicted = model.predict_hidden(context, masks).double()
    goal = F.layer_norm(target, target.shape[-1:])
    losses, angles = [], []
    for a, b, raw in zip(predicted, goal, target, strict=True):
        r = (a - b).norm().item()
        losses.append(r**2 / 2 if r < 1 else r - 0.5)
        angles.append(1 - np.corrcoef(a.numpy(), raw.numpy())[0, 1])
    return np.mean(losses), np.mean(angles)


@pytest.mark.parametrize("region", [OBJECT, BACKGROUND])
def test_contexts_against_a_loop(region, images, found):
    model = random_model()
    foreign = foreign_images(found.groups)
    for batch in images.batches(1):
        for row, number in enumerate(range(len(images))[batch.rows]):
            hidden, frames = batch.hidden[region][row], batch.clean[row : row + 1]
            masks = region_masks(hidden[None])
            other = torch.from_numpy(images.items[foreign[number]].frames)[None]
            with torch.no_grad():
                context = {
                    "dropped": model.encoder(frames, masks.context).tokens,
                    "filled": model.encode(batch.occluded[region][row : row + 1], target=False)[0][
                        ~hidden
                    ],
                    "seen": model.encode(frames, target=False)[0][~hidden],
                    "another scene": model.encoder(other, masks.context).tokens,
                }
            for name, latents in context.items():
                loss, angle = by_hand(model, frames, hidden, latents)
                mine = found.regions[region].contexts[name]
                assert mine.error[number] == pytest.approx(loss, abs=1e-4)
                assert mine.angle[number] == pytest.approx(angle, abs=1e-4)
    assert tuple(found.regions[region].contexts) == CONTEXTS
    errors = [found.regions[region].contexts[name].error for name in CONTEXTS]
    assert all(np.abs(a - b).max() > 1e-3 for i, a in enumerate(errors) for b in errors[:i])


def test_the_mean_prediction_is_of_other_scenes(images, found):
    model, said = random_model(), []
    for item, hidden in zip(images.items, images.hidden(OBJECT), strict=True):
        masks = region_masks(hidden[None])
        latents = model.visible_latents(torch.from_numpy(item.frames)[None], masks)
        said.append(model.predict_hidden(latents, masks).double())
    for number, (item, hidden) in enumerate(zip(images.items, images.hidden(OBJECT), strict=True)):
        others = [s for s, i in zip(said, images.items, strict=True) if i.group != item.group]
        mean = torch.cat(others).mean(dim=0).float().expand(int(hidden.sum()), -1)
        target = model.target_latents(torch.from_numpy(item.frames)[None])[0][hidden]
        expected = model.hidden_errors(mean, target).mean().item()
        assert found.regions[OBJECT].contexts["no context"].error[number] == pytest.approx(
            expected, rel=1e-5
        )


@pytest.mark.parametrize("region", [OBJECT, BACKGROUND])
def test_the_last_stream_carries_the_whole_bound(region, found):
    for run in ("dropped", "filled"):
        gains = taken_back(found, run, region)
        assert gains.shape == (DEPTH, 3, 6)
        np.testing.assert_allclose(gains[-1, 2], bound_of(found, run, region), atol=1e-5)
        assert np.abs(gains[-2, 2] - bound_of(found, run, region)).max() > 1e-4
        one = found.regions[region]
        last = one.patched[run].angle[-1, 2]
        np.testing.assert_allclose(last, one.contexts["seen"].angle, atol=1e-5)


def test_batches_do_not_matter(images, found):
    again = hidden_errors(predictor(), images, batch_size=6)
    for region, one in found.regions.items():
        for run in one.patched:
            np.testing.assert_allclose(
                again.regions[region].patched[run].error, one.patched[run].error, atol=1e-4
            )


def test_other_parts_can_be_asked_for(images):
    found = hidden_errors(predictor(), images, parts=("v", "mlp_hidden"))
    gains = taken_back(found, "dropped", OBJECT)
    assert gains.shape[1] == 2
    assert np.abs(gains[0, 0]).max() < 1e-5  # values of block 0 are alike
    assert np.abs(gains[0, 1]).max() > 1e-4


def test_foreign_images_are_of_another_scene():
    groups = np.array(["a", "a", "b", "b", "b", "c"])
    other = foreign_images(groups)
    assert (groups[other] != groups).all()
    with pytest.raises(ValueError, match="at least 2 scenes"):
        foreign_images(np.array(["a", "a"]))


def test_models_that_cannot_be_asked():
    with pytest.raises(NoPredictor, match="no predictor"):
        HiddenPredictor.of(None)
    with pytest.raises(NoPredictor, match="no predictor"):
        HiddenPredictor.of(random_model().encoder)
    with pytest.raises(NoPredictor, match="as zeros"):
        HiddenPredictor.of(random_model(full_sequence=True))
    assert HiddenPredictor.of(random_model()).encoder.width == 24


def test_models_without_a_predictor_are_noted_and_refused_where_none_has_one(tmp_path):
    whole = random_model()
    encoder = NativeEncoder(whole.encoder)
    published = OpenedModel("published", encoder, whole.encoder, 4, (32, 32))
    run = OpenedModel("run", encoder, whole.encoder, 4, (32, 32), whole)
    study = RunRepair([], RepairRequest("nowhere", tables=("1", "predictor")), tmp_path)
    found, without = study._predictors([published, run])
    assert list(found) == ["run"]
    assert without == {"published": "no predictor of hidden tokens"}
    with pytest.raises(ValueError, match=r"No model has a predictor .* \(published: no predictor"):
        study._predictors([published])
    plain = RunRepair([], RepairRequest("nowhere"), tmp_path)
    assert plain._predictors([published]) == ({}, {})


@pytest.mark.parametrize("levels", [(), (0, 1)])
def test_video_jepa_of_one_level(levels, images):
    encoder = VisionTransformer(
        24, depth=2, heads=2, frames=4, size=32, patch=8, tubelet=2, levels=levels
    )
    model = VJEPA2(
        encoder,
        masker=random_model().masker,
        predictor=lambda e: Predictor(e, width=24, depth=1, heads=2),
    ).eval()
    if levels:
        with pytest.raises(NoPredictor, match="several levels"):
            HiddenPredictor.of(model)
        return
    found = hidden_errors(HiddenPredictor.of(model), images)
    np.testing.assert_allclose(
        taken_back(found, "filled", OBJECT)[-1, 2], bound_of(found, "filled", OBJECT), atol=1e-5
    )
