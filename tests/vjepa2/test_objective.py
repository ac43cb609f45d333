"""Distances, weights by nearness, and what the module refuses."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from jepakit.batch import SceneBatch, TokenMasks
from jepakit.losses.averaging import sample_mean
from jepakit.masks import Tubes
from jepakit.nn import VisionTransformer
from jepakit.packing import Packing
from jepakit.protocols import PredictsHidden
from jepakit.seeds import generator
from vjepa2 import VJEPA2, FeatureLoss, Predictor
from vjepa2.objective import nearness, normalised

GRID = (2, 4, 4)


def masks(batch: int = 3) -> TokenMasks:
    hidden = torch.rand(batch, 32, generator=generator("hidden")) < 0.6
    none: list[tuple[int, ...]] = [()] * batch
    return TokenMasks.build(~hidden, torch.where(hidden, 0, -1), none, [False] * batch)


@pytest.mark.parametrize("power", [1, 2])
def test_the_distance_weighs_samples_and_not_tokens(power: int) -> None:
    packing = Packing.from_mask(torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]]) > 0)
    predicted, target = torch.randn(2, 5, 6, generator=generator("z"))
    error = (predicted - target).abs() ** power / power
    expected = (error[:4].mean() + error[4:].mean()) / 2
    found = FeatureLoss(power)(predicted, target, packing)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected)
    weight = torch.tensor([1.0, 2.0, 0.0, 1.0, 3.0])
    expected = ((error[:4].mean(1) * weight[:4]).mean() + 3 * error[4:].mean()) / 2
    found = FeatureLoss(power)(predicted, target, packing, weight=weight)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected)


def test_every_level_is_normed_for_itself() -> None:
    latents = torch.randn(5, 12, generator=generator("z")) * 3 + 1
    found = normalised(latents, 4).unflatten(1, (3, 4))
    torch.testing.assert_close(found.mean(-1), torch.zeros(5, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.var(-1, unbiased=False), torch.ones(5, 3), atol=1e-3, rtol=0)


def test_nearness_is_the_root_of_the_smallest_distance() -> None:
    drawn = masks()
    found, row = nearness(drawn, GRID), 0
    for sample in range(3):
        own = [p.index[p.sample == sample] % 32 for p in (drawn.context, drawn.target)]
        for token in own[0].tolist():
            distances = [
                math.dist((token // 16, token // 4 % 4, token % 4), (t // 16, t // 4 % 4, t % 4))
                for t in own[1].tolist()
            ]
            assert found[row].item() == pytest.approx(min(distances) ** -0.5, rel=1e-6)
            row += 1
    assert row == drawn.context.total


def module(**named: object) -> VJEPA2:
    torch.manual_seed(0)
    encoder = VisionTransformer(
        24, depth=2, heads=2, frames=4, size=32, patch=8, tubelet=2, position="rope", levels=(0, 1)
    )

    def predictor(encoder: VisionTransformer) -> Predictor:
        return Predictor(encoder, width=12, depth=2, heads=2, context=bool(named))

    return VJEPA2(encoder, masker=Tubes(), predictor=predictor, **named)  # type: ignore[arg-type]


def batch() -> SceneBatch:
    frames = torch.randint(0, 256, (3, 4, 32, 32, 3), generator=generator("f"), dtype=torch.uint8)
    return SceneBatch(frames, torch.zeros(3, 0, *GRID, dtype=torch.uint8), ("a", "b", "c"), masks())


def test_the_context_term_grows_as_scheduled(monkeypatch: pytest.MonkeyPatch) -> None:
    model = module(context_weight=0.5, context_ramp=(10, 20))
    for step, weight in ((0, 0.0), (10, 0.0), (15, 0.25), (20, 0.5), (99, 0.5)):
        monkeypatch.setattr(VJEPA2, "global_step", step)
        losses = model.loss(batch())
        assert losses.context_weight.item() == pytest.approx(weight)
        torch.testing.assert_close(losses.total, losses.prediction + weight * losses.context)
        assert losses.context > 0
    far = module(context_weight=0.5, context_nearness=False)
    near = module(context_weight=0.5)
    assert near.loss(batch()).context < far.loss(batch()).context


def test_without_the_term_visible_tokens_are_not_predicted() -> None:
    losses = module().loss(batch())
    assert losses.context.item() == 0
    torch.testing.assert_close(losses.total, losses.prediction)
    with pytest.raises(ValueError, match="predictor has no head for visible tokens: set predictor"):
        VJEPA2(module().encoder, masker=Tubes(), context_weight=0.5)
    with pytest.raises(ValueError, match="predictor has a head for visible tokens"):
        module(context_weight=0.0)


def test_a_batch_without_masks_is_refused() -> None:
    bare = SceneBatch(batch().frames, batch().coverage, batch().keys)
    with pytest.raises(ValueError, match="carries no masks"):
        module().loss(bare)


def test_no_gradient_reaches_the_teacher() -> None:
    model = module(context_weight=0.5)
    model.loss(batch()).total.backward()
    assert all(p.grad is None for p in model.target_encoder.parameters())
    assert all(p.grad is not None for p in model.encoder.parameters())
    assert all(p.grad is not None for p in model.predictor.parameters())


def test_flops_count_what_is_processed() -> None:
    model, scene = module(), batch()
    assert scene.masks is not None
    learned = model.encoder.flops(scene.masks.context.lengths)
    learned += model.predictor.flops(scene.masks.context.lengths, scene.masks.target.lengths)
    assert model.flops(scene) == 3 * learned + model.encoder.flops((32,) * 3)


@pytest.mark.parametrize("power", [1, 2])
def test_tokens_before_they_are_averaged(power: int) -> None:
    predicted, target = torch.randn(2, 5, 6, generator=generator("z"))
    found = FeatureLoss(power).tokens(predicted, target)  # type: ignore[arg-type]
    expected = ((predicted - target).abs() ** power / power).mean(dim=-1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("levels", [(), (0, 1)])
def test_errors_on_hidden_tokens_are_the_training_loss(levels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder = VisionTransformer(
        24, depth=2, heads=2, frames=4, size=32, patch=8, tubelet=2, levels=levels
    )
    model = VJEPA2(encoder, masker=Tubes(), predictor=lambda e: Predictor(e, width=24, depth=1))
    with torch.no_grad():  # a teacher that differs from its student
        for parameter in model.target_encoder.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator("teacher")))
    assert isinstance(model, PredictsHidden)
    drawn = masks()
    batch = dataclasses.replace(SceneBatch.fake(3), masks=drawn)
    context = model.visible_latents(batch.frames, drawn)
    predicted = model.predict_hidden(context, drawn)
    target = model.target_latents(batch.frames)
    assert target.shape == (3, 32, 24 * max(1, len(levels)))
    goal = target.flatten(0, 1)[drawn.target.index]
    errors = model.hidden_errors(predicted, goal)
    assert not errors.requires_grad
    torch.testing.assert_close(sample_mean(errors, drawn.target), model.loss(batch).prediction)
