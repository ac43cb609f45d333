"""Surprise: a planted peak, loops in float, no look at what is hidden, and refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from planted_models import REQUEST, Planted, clip_of, noise_clip, tiny_cjepa, tiny_vjepa
from torch import Tensor

from explorer.prediction.asking import as_predicted, errors_under, predictions
from explorer.prediction.figures import surprise_figure, surprise_frames
from explorer.prediction.hiding import Hide, HidingPlan
from explorer.prediction.surprise import slice_means, surprise
from jepakit.batch import TokenMasks
from jepakit.training.module import JepaModule


@pytest.fixture(params=["cjepa", "blanked", "vjepa2"])
def model(request: pytest.FixtureRequest) -> JepaModule:
    if request.param == "vjepa2":
        return tiny_vjepa()
    return tiny_cjepa(full_sequence=request.param == "blanked")


@pytest.mark.parametrize("hide", ["slice", "future", "blocks"])
def test_surprise_peaks_where_the_prediction_is_wrong(hide: Hide) -> None:
    clip = noise_clip()
    found = surprise(Planted(clip, wrong=(2, 1, 3)), clip, hide=hide, block=3)
    expected = np.zeros(REQUEST.grid)
    expected[2, 1, 3] = 2 * 3.0**2
    if hide == "future":
        expected[0] = np.nan
    np.testing.assert_allclose(found.errors, expected, atol=1e-5)
    assert found.peak == 2
    np.testing.assert_allclose(found.curve[1:], [0, 18 / 16, 0], atol=1e-5)


@pytest.mark.parametrize("hide", ["slice", "future", "blocks"])
def test_it_is_a_loop_over_masks(model: JepaModule, hide: Hide) -> None:
    clip = noise_clip(model.request)
    found = surprise(model, clip, hide=hide, block=2, batch=3)
    frames = torch.from_numpy(clip.frames)[None]
    full = model.target_latents(frames)[0]
    grid = model.request.grid
    slices, rows, columns = np.indices(grid)
    for s, r, c in [(1, 0, 3), (1, 3, 2), (0, 2, 1)]:
        hidden = {
            "slice": slices == s,
            "future": slices >= s,
            "blocks": (rows // 2 == r // 2) & (columns // 2 == c // 2),
        }[hide]
        if hidden.all():
            assert np.isnan(found.errors[s]).all()
            continue
        flat = torch.from_numpy(hidden).reshape(1, -1)
        masks = TokenMasks.build(~flat, torch.where(flat, 0, -1), [[]], [False])
        predicted = model.predict_hidden(model.visible_latents(frames, masks), masks)
        row = masks.target.position.tolist().index(int(np.ravel_multi_index((s, r, c), grid)))
        place = int(masks.target.position[row])
        error = float(model.hidden_errors(predicted[row : row + 1], full[place : place + 1]))
        assert found.errors[s, r, c] == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize("hide", ["slice", "future"])
def test_the_hidden_pixels_are_never_seen(model: JepaModule, hide: Hide) -> None:
    plan = HidingPlan.of(hide, model.request.grid)
    one, other = noise_clip(model.request).frames, noise_clip(model.request, seed=1).frames
    last = other.copy()
    last[:2] = one[:2]
    (before,) = predictions(model, one, plan.hidden[-1:])
    (after,) = predictions(model, last, plan.hidden[-1:])
    torch.testing.assert_close(before[2], after[2], rtol=1e-5, atol=1e-5)
    assert not np.allclose(
        errors_under(model, one, plan.hidden[-1:])[0, -1],
        errors_under(model, last, plan.hidden[-1:])[0, -1],
    )


def test_the_past_is_all_that_is_given() -> None:
    clip = noise_clip()
    model = Planted(clip)
    surprise(model, clip, hide="future", batch=1)
    assert [sorted({int(i) // 16 for i in seen}) for seen in model.seen] == [[0], [0, 1], [0, 1, 2]]


def test_a_held_frame_is_right_where_nothing_moves(model: JepaModule) -> None:
    frames = noise_clip(model.request).frames
    still = surprise(model, clip_of(frames[:1].repeat(4, axis=0)))
    assert still.held is not None
    np.testing.assert_allclose(still.held, 0, atol=1e-6)
    assert still.against_held is None or still.against_held > 1e3
    moving = surprise(model, clip_of(frames))
    assert moving.held is not None
    assert (moving.held > 0.01).all()


@pytest.mark.parametrize("hide", ["slice", "future"])
def test_the_held_frame_by_hand(hide: Hide) -> None:
    clip = noise_clip()
    model = Planted(clip)
    found = surprise(model, clip, hide=hide)
    grey = clip.frames.mean(axis=-1) / 255
    slow = np.full(REQUEST.grid, np.nan)
    for s in range(4):
        if s == 0 and hide == "future":
            continue
        source = grey[2 * s - 1] if s else grey[2]
        for r in range(4):
            for c in range(4):
                there = np.s_[4 * r : 4 * r + 4, 4 * c : 4 * c + 4]
                seen = grey[2 * s : 2 * s + 2][:, there[0], there[1]].mean()
                slow[s, r, c] = (source[there].mean() - seen) ** 2
    assert found.held is not None
    np.testing.assert_allclose(found.held, slow, atol=1e-6)
    assert found.against_held == pytest.approx(0, abs=1e-9)


def test_a_guess_is_given_in_the_form_that_the_loss_compares(model: JepaModule) -> None:
    latents = torch.randn(5, 64 if type(model).__name__ == "VJEPA2" else 32)
    guess = as_predicted(model, latents)
    assert guess is not None
    torch.testing.assert_close(
        guess, F.layer_norm(latents.unflatten(-1, (-1, 32)), (32,)).flatten(1)
    )
    plain = Planted(noise_clip())
    torch.testing.assert_close(as_predicted(plain, latents[:, :2]), latents[:, :2])


def test_a_strange_loss_has_no_held_frame() -> None:
    class Strange(Planted):
        def hidden_errors(self, predicted: Tensor, target: Tensor) -> Tensor:
            return (predicted - 2 * target).square().sum(dim=-1)

    clip = noise_clip()
    found = surprise(Strange(clip), clip)
    assert (found.held, found.held_curve, found.against_held) == (None, None, None)


@pytest.mark.parametrize(
    ("hide", "grid"),
    [("slice", (3, 4, 5)), ("future", (3, 4, 5)), ("blocks", (1, 4, 5)), ("blocks", (2, 1, 9))],
)
def test_every_token_is_asked_for_once(hide: Hide, grid: tuple[int, int, int]) -> None:
    plan = HidingPlan.of(hide, grid, block=2)
    times = plan.asked.sum(axis=0)
    assert (times[1 if hide == "future" else 0 :] == 1).all()
    assert not (plan.asked & ~plan.hidden).any()
    assert not plan.hidden.reshape(len(plan.hidden), -1).all(axis=1).any()


def test_slices_without_a_value_are_nan() -> None:
    values = np.array([[[np.nan, np.nan]], [[1.0, np.nan]], [[1.0, 3.0]]])
    np.testing.assert_array_equal(slice_means(values), [np.nan, 1.0, 2.0])


def test_what_cannot_be_surprised_is_told_so() -> None:
    clip = noise_clip()
    with pytest.raises(ValueError, match="VisionTransformer predicts no hidden tokens"):
        surprise(tiny_cjepa().encoder, clip)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="clips of 8 frames of 16 x 16"):
        surprise(Planted(clip), dataclasses.replace(clip, frames=clip.frames[:4]))
    with pytest.raises(ValueError, match="one time slice"):
        HidingPlan.of("slice", (1, 4, 4))
    for block in (0, 4):
        with pytest.raises(ValueError, match="leave some"):
            HidingPlan.of("blocks", (2, 4, 4), block=block)


def test_pictures() -> None:
    clip = noise_clip()
    found = surprise(Planted(clip, wrong=(2, 0, 0)), clip, hide="future")
    frames = surprise_frames(found)
    assert frames.shape == (8, 256, 256, 3)
    warm = frames[..., 0].astype(int) - frames[..., 2]
    assert warm[4:6, :64, :64].mean() > 50
    assert abs(warm[4:6, 64:, 64:]).mean() < 10
    figure = surprise_figure({"model": found, "untrained twin": found})
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.125, 0.625, 1.125, 1.625])
    assert len(axes.lines) == 3
    with pytest.raises(ValueError, match="No surprise"):
        surprise_figure({})
