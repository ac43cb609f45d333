"""Removals: a model that knows, slow versions of the truth and of AUROC, pictures, refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from planted_models import REQUEST, Planted, Seer, noise_clip, scene, tiny_cjepa

from explorer.clip import Clip, SceneTruth
from explorer.prediction.counterfactual import (
    ATTENTION,
    LATENTS,
    NEARNESS,
    RESIDUAL,
    counterfactual,
    label_map,
    object_at,
)
from explorer.prediction.counterfactual_pictures import montage, removal_panels, removal_strip
from explorer.prediction.fidelity import UNTRAINED, caption, fidelity, object_effects
from explorer.prediction.heat import grown, heat_over


def real_scene(model: object) -> Clip:
    """Objects of noise in clips of 4 x 32 x 32, the first of which is gone in the re-simulation."""
    frames = noise_clip(tiny_cjepa().request).frames
    labels = np.zeros((4, 32, 32), np.uint8)
    labels[:, 2:9, 3:9], labels[:, 20:30, 18:30] = 1, 2
    without = frames.copy()
    without[2:, 16:] = 0
    truth = SceneTruth(labels, np.zeros((2, 4, 2)), ("one", "two"), {1: without})
    return Clip(frames, 4.0, "noise", (0, 1, 2, 3), truth)


def test_a_model_that_knows_is_told_so() -> None:
    view = counterfactual(Seer(scene()), scene(), 1)
    numbers = fidelity(view)
    assert numbers is not None
    assert (numbers.changed, numbers.tokens) == (3, 12)
    assert numbers.auroc[RESIDUAL] == numbers.auroc[LATENTS] == 1
    assert numbers.everywhere[RESIDUAL] == 1
    assert numbers.rank == pytest.approx(1)
    effects = {effect.name: effect for effect in object_effects(view)}
    assert [e.moved for e in effects.values()] == [True, False, False]
    assert list(effects) == ["the box", "the peg", "the bar"]
    assert effects["the peg"].predicted == 0


def test_the_truth_by_hand() -> None:
    clip = scene()
    truth = counterfactual(Seer(clip), clip, 1).truth
    assert truth is not None
    assert clip.truth is not None
    without = clip.truth.without[1].astype(int)
    differs = np.abs(without - clip.frames).max(axis=-1) > 8
    differs &= clip.truth.labels != 1
    for s, r, c in np.ndindex(*REQUEST.grid):
        token = np.s_[2 * s : 2 * s + 2, 4 * r : 4 * r + 4, 4 * c : 4 * c + 4]
        assert truth.changed[s, r, c] == (differs[token].mean() >= 0.05)
        away = np.abs(without - clip.frames).mean(axis=-1)[token]
        seen = away * (clip.truth.labels[token] != 1)
        assert truth.pixels[s, r, c] == pytest.approx(seen.mean())
    box = clip.truth.labels == 2
    assert truth.objects[1] == pytest.approx(differs[box].mean())
    assert np.isnan(truth.objects[0])


def test_what_comes_into_view_is_no_change() -> None:
    view = counterfactual(Seer(scene()), scene(), 3)
    numbers = fidelity(view)
    assert numbers is not None
    assert view.truth is not None
    assert not view.truth.changed.any()
    assert np.isnan(numbers.auroc[RESIDUAL])
    assert [effect.moved for effect in object_effects(view)] == [False] * 3


def test_auroc_is_a_loop_over_pairs() -> None:
    model = tiny_cjepa()
    clip = real_scene(model)
    view = counterfactual(model, clip, 1)
    numbers = fidelity(view, untrained=view)
    assert numbers is not None
    assert view.truth is not None
    scores = {RESIDUAL: view.predicted, LATENTS: view.truth.latents, UNTRAINED: view.predicted}
    for name, values in (scores | dict(view.baselines)).items():
        for among, found in ((view.others, numbers.auroc), (view.visible, numbers.everywhere)):
            up = values[among & view.truth.changed]
            down = values[among & ~view.truth.changed]
            pairs = [(a > b) + 0.5 * (a == b) for a in up for b in down]
            assert found[name] == pytest.approx(np.mean(pairs)), name
    assert set(view.baselines) == {NEARNESS, ATTENTION}


def test_the_residual_is_the_models_own() -> None:
    model = tiny_cjepa()
    clip = real_scene(model)
    view = counterfactual(model, clip, 1)
    answer = model.intervene(
        torch.from_numpy(clip.frames)[None], torch.from_numpy(view.coverage)[None], [[1]]
    )
    norm = answer.residual[0].norm(dim=-1).reshape(2, 4, 4).numpy()
    hidden = np.zeros((2, 4, 4), bool)
    hidden[:, :2, :2] = True
    np.testing.assert_array_equal(view.visible, ~hidden)
    np.testing.assert_allclose(view.predicted[~hidden], norm[~hidden], rtol=1e-6)
    assert np.isnan(view.predicted[hidden]).all()
    others = np.zeros((2, 4, 4), bool)
    others[:, 2:, 2:] = True
    np.testing.assert_array_equal(view.others, others)
    change = model.encode(torch.from_numpy(clip.frames)[None])
    change = change - model.encode(torch.from_numpy(view.without)[None])
    assert view.truth is not None
    np.testing.assert_allclose(
        view.truth.latents, change[0].norm(dim=-1).reshape(2, 4, 4), rtol=1e-5, atol=1e-6
    )


def test_nearness_is_the_way_to_the_object() -> None:
    model = tiny_cjepa()
    near = counterfactual(model, real_scene(model), 1).baselines[NEARNESS]
    assert near[0, 0, 0] == near[1, 1, 1] == 0
    assert near[0, 0, 3] == -2
    assert near[1, 3, 3] == pytest.approx(-(8**0.5))


def test_a_given_label_map_has_no_truth() -> None:
    clip = scene()
    assert clip.truth is not None
    bare = dataclasses.replace(clip, truth=None)
    view = counterfactual(Seer(clip), bare, 1, labels=clip.truth.labels)
    assert (view.truth, fidelity(view), view.without) == (None, None, None)
    assert view.name == "object 1"
    assert caption(view)["truth"].startswith("not known")  # type: ignore[union-attr]
    assert list(removal_panels(view)) == ["clip, object 1 outlined", "predicted change"]
    assert object_effects(view)[0].moved is None
    with pytest.raises(ValueError, match="no simulation"):
        removal_strip(view)


def test_a_click_names_an_object() -> None:
    truth = scene().truth
    assert truth is not None
    assert object_at(truth.labels, 5.9, 4.2, 0) == 2
    with pytest.raises(ValueError, match="no object at this place"):
        object_at(truth.labels, 15.0, 15.0, 0)
    with pytest.raises(ValueError, match="outside"):
        object_at(truth.labels, 16.0, 0.0, 0)


def test_refusals() -> None:
    clip = scene()
    with pytest.raises(ValueError, match="Planted does not predict what the removal"):
        counterfactual(Planted(clip), clip, 1)
    with pytest.raises(ValueError, match="residual head was not trained"):
        counterfactual(tiny_cjepa(causal_weight=0.0), clip, 1)
    with pytest.raises(ValueError, match="no object masks"):
        counterfactual(Seer(clip), dataclasses.replace(clip, truth=None), 1)
    with pytest.raises(ValueError, match=r"numbered 1\.\.4"):
        counterfactual(Seer(clip), clip, 5)
    with pytest.raises(ValueError, match="label map is"):
        label_map(clip, np.zeros((1, 16, 16), np.uint8))
    truth = clip.truth
    assert truth is not None
    gone = dataclasses.replace(truth, labels=np.where(truth.labels == 1, 0, truth.labels))
    with pytest.raises(ValueError, match=r"'the red ball'.*nowhere to be seen"):
        counterfactual(Seer(clip), dataclasses.replace(clip, truth=gone), 1)


def test_panels_side_by_side() -> None:
    view = counterfactual(Seer(scene()), scene(), 1)
    panels = removal_panels(view, least=64)
    assert list(panels) == [
        "clip, the red ball outlined",
        "simulated again without the red ball",
        "predicted change",
        "true change of latents",
    ]
    outlined = panels["clip, the red ball outlined"][0]
    assert (outlined[8:20, 12] == 255).all()  # the line stands right of columns 0..11
    assert (outlined[8:20, :12] == 70).all()
    np.testing.assert_array_equal(panels["predicted change"], panels["true change of latents"])
    both = montage(panels)
    assert both.shape == (8, 6 + 2 * (64 + 16 + 6), 6 + 2 * (64 + 6), 3)
    np.testing.assert_array_equal(both[:, 22:86, 6:70], panels["clip, the red ball outlined"])
    assert both.dtype == np.uint8
    assert len(removal_strip(view).axes) > 10
    with pytest.raises(ValueError, match="one size"):
        montage({})


def test_heat_is_strongest_at_the_largest_value() -> None:
    values = np.zeros((2, 2, 2))
    values[1, 0, 1], values[0, 1, 1] = 4.0, np.nan
    frames = heat_over(np.full((4, 8, 8, 3), 100, np.uint8), values, least=64)
    assert (frames[0:2, :32] == 70).all()
    assert frames[2:, :32, 32:, 0].min() > frames[2:, :32, 32:, 2].max() + 50
    hatched = frames[0, 32:, 32:]
    assert len(np.unique(hatched.reshape(-1, 3), axis=0)) == 2


def test_growth_keeps_to_the_frame() -> None:
    mask = np.zeros((1, 4, 4), bool)
    mask[0, 0, 0] = True
    np.testing.assert_array_equal(np.argwhere(grown(mask, 1)[0]), [[0, 0], [0, 1], [1, 0]])


def test_the_caption_holds_the_numbers() -> None:
    view = counterfactual(Seer(scene()), scene(), 1)
    found = caption(view, untrained=view)
    assert found["removed"] == "the red ball"
    assert found["of them truly changed"] == 3.0
    assert found[f"AUROC {RESIDUAL}"] == found[f"AUROC {UNTRAINED}"] == 1.0
