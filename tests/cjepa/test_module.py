import dataclasses
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cjepa import CausalJEPA, LearnedObjects, Predictor
from cjepa.counterfactual import removal_masks
from jepakit.batch import SceneBatch
from jepakit.losses import CausalResidualLoss, LatentLoss, SketchedSigReg, SmallBatchWarning
from jepakit.losses.averaging import sample_mean
from jepakit.masks import ObjectMasker, SeveralMasks, Tubes, draw_masks
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import MaskInput, PredictsHidden
from jepakit.seeds import generator

pytestmark = pytest.mark.filterwarnings("ignore::jepakit.losses.SmallBatchWarning")


def small_predictor(width: int, grid: tuple[int, int, int]) -> Predictor:
    return Predictor(width, grid, width=16, depth=1, heads=2)


def build(encoder: VisionTransformer, **settings: Any) -> CausalJEPA:
    settings = {"masker": ObjectMasker(), "predictor": small_predictor, **settings}
    torch.manual_seed(2)
    model = CausalJEPA(encoder, **settings)
    with torch.no_grad():  # a teacher that differs from its student
        for parameter in model.target_encoder.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator("teacher")))
    return model


@pytest.fixture
def masked(batch: SceneBatch) -> SceneBatch:
    masks = removal_masks(batch.coverage, [[1], [2], [1, 2]])
    return dataclasses.replace(batch, masks=masks)


@pytest.mark.parametrize("source", ["zero", "drop", "resimulated"])
def test_losses_are_those_of_algorithm_1_written_out(
    source: str, encoder: VisionTransformer, masked: SceneBatch
) -> None:
    other = dataclasses.replace(
        masked, counterfactual=255 - masked.frames, removed=torch.tensor([1, 2, 1])
    )
    parts = {"latent_loss": LatentLoss(), "causal_loss": CausalResidualLoss("sum")}
    model = build(encoder, intervention=source, **parts)
    model = model.double()
    losses = model.loss(other)
    expected = [_algorithm_1(model, other, i, source) for i in range(3)]
    prediction = sum(p for p, _ in expected) / 3
    causal = sum(c for _, c in expected) / 3
    torch.testing.assert_close(losses.prediction, prediction)
    torch.testing.assert_close(losses.causal, causal)
    total = losses.prediction + 0.5 * losses.causal + 0.01 * losses.sigreg
    torch.testing.assert_close(losses.total, total)
    assert losses.hidden.item() == pytest.approx(other.masks.target.total / (3 * 32))


def _algorithm_1(
    model: CausalJEPA, batch: SceneBatch, i: int, source: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """One sample, token by token, on dense masks."""
    masks = removal_masks(batch.coverage[i : i + 1], [list(batch.masks.objects[i])])
    frames = batch.frames[i : i + 1]
    seen, hidden = masks.context.index, masks.target.index
    full = model.target_encoder(frames).tokens
    prediction = model.predictor(model.encoder(frames, masks.context).tokens, masks)
    l_pred = torch.zeros((), dtype=torch.float64)
    for row, token in enumerate(hidden):
        error = (prediction.target[row] - F.layer_norm(full[token], (24,))).norm()
        l_pred = l_pred + (error**2 / 2 if error < 1 else error - 0.5) / len(hidden)
    if source == "drop":
        without = model.target_encoder(frames, masks.context).tokens
    else:
        blank = frames.clone()
        for identity in batch.masks.objects[i]:
            blank[batch.labels[i : i + 1] == identity] = 0
        view = blank if source == "zero" else batch.counterfactual[i : i + 1]
        without = model.target_encoder(view).tokens[seen]
    error = prediction.residual - (full[seen] - without)
    return l_pred, error.square().sum(1).mean()


def test_gradients_reach_student_and_predictor_only(
    encoder: VisionTransformer, masked: SceneBatch
) -> None:
    model = build(encoder)
    model.loss(masked).total.backward()
    assert all(p.grad is None for p in model.target_encoder.parameters())
    silent = [
        name
        for name, p in model.named_parameters()
        if p.requires_grad and (p.grad is None or not p.grad.any())
    ]
    assert not silent


def test_a_frozen_encoder_holds_still(encoder: VisionTransformer, masked: SceneBatch) -> None:
    model = build(encoder, frozen_encoder=True, sigreg_weight=0.0)
    model.loss(masked).total.backward()
    assert all(p.grad is None for p in model.encoder.parameters())
    assert all(p.grad is not None for p in model.predictor.blocks.parameters())
    model.adopt(model.state_dict())
    ((student, teacher),) = model.ema_pairs()
    for own, followed in zip(teacher.parameters(), student.parameters(), strict=True):
        assert torch.equal(own, followed)
        assert torch.equal(own.lerp(followed, 0.3), own)
    plain = build(encoder, sigreg_weight=0.0)
    passes = plain.flops(masked) - model.flops(masked)
    lengths = masked.masks.context.lengths
    assert passes == pytest.approx(2 * plain.encoder.flops(lengths))


def test_without_the_causal_term_the_second_scene_is_not_encoded(
    encoder: VisionTransformer, masked: SceneBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = {}
    for weight in (0.5, 0.0):
        model = build(encoder, causal_weight=weight, intervention="drop")
        calls: list[int] = []
        model.target_encoder.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        losses = model.loss(masked)
        passes[weight] = len(calls)
        assert (losses.causal == 0) == (weight == 0)
        assert model.request.labels is False
        losses.total.backward()
        unused = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
        assert not unused  # DDP would refuse them
    assert passes == {0.5: 2, 0.0: 1}


def test_samples_without_a_resimulation_do_not_teach_the_residual(
    encoder: VisionTransformer, masked: SceneBatch
) -> None:
    model = build(encoder, intervention="resimulated")
    assert model.request.counterfactual
    clips = dataclasses.replace(masked, counterfactual=255 - masked.frames)
    every, none = (
        model.loss(dataclasses.replace(clips, removed=removed)).causal
        for removed in (torch.tensor([1, 2, 1]), torch.zeros(3, dtype=torch.long))
    )
    first = model.loss(dataclasses.replace(clips, removed=torch.tensor([1, 0, 0]))).causal
    assert none == 0
    assert 0 < first < every


def test_full_sequence_sees_where_the_hidden_tokens_were_but_not_what(
    encoder: VisionTransformer, masked: SceneBatch
) -> None:
    model = build(encoder, full_sequence=True, causal_weight=0.0)
    reference = model.loss(masked).pooled
    frames = masked.frames.clone()
    frames[0, :2] = torch.where(masked.labels[0, :2, ..., None] == 1, 0, frames[0, :2])
    # Pixels of hidden tokens do not matter, wherever inside those tokens they are.
    changed = model.loss(dataclasses.replace(masked, frames=frames)).pooled
    torch.testing.assert_close(changed, reference)
    packed = build(encoder, causal_weight=0.0).loss(masked).pooled
    assert not torch.allclose(packed, reference)


def test_learned_objects_train_with_the_rest(encoder: VisionTransformer, batch: SceneBatch) -> None:
    model = build(encoder, masker=None, segmentation=LearnedObjects)
    losses = model.loss(batch)
    losses.total.backward()
    assert losses.segmentation > 0
    assert model.segmentation is not None
    assert model.segmentation.attention.key.weight.grad.any()
    again = model.loss(batch)
    assert torch.equal(again.total, losses.total)  # same step, same draws


def test_a_model_needs_one_source_of_masks(encoder: VisionTransformer) -> None:
    for settings in (
        {"masker": None},
        {"masker": ObjectMasker(), "segmentation": LearnedObjects},
    ):
        with pytest.raises(ValueError, match="either a masker or a segmentation"):
            build(encoder, **settings)


def test_more_regions_than_slots_are_refused(encoder: VisionTransformer) -> None:
    def narrow(width: int, grid: tuple[int, int, int]) -> Predictor:
        return Predictor(width, grid, width=16, depth=1, heads=2, slots=2)

    with pytest.raises(ValueError, match="up to 4 regions of a sample, but the predictor has 2"):
        build(encoder, predictor=narrow)


def test_a_batch_without_masks_is_refused(encoder: VisionTransformer, batch: SceneBatch) -> None:
    with pytest.raises(ValueError, match="carries no masks"):
        build(encoder).loss(batch)


def test_several_masks_per_clip_are_refused(encoder: VisionTransformer, batch: SceneBatch) -> None:
    seen = [MaskInput(c, f) for c, f in zip(batch.coverage, batch.frames, strict=True)]
    masks = draw_masks(SeveralMasks([Tubes(), Tubes()]), seen, [(0, key) for key in batch.keys])
    with pytest.raises(ValueError, match="2 masks per clip and Causal-JEPA takes one"):
        build(encoder).loss(dataclasses.replace(batch, masks=masks))


def test_spectral_sigreg_refuses_a_batch_of_one(
    encoder: VisionTransformer, batch: SceneBatch
) -> None:
    one = SceneBatch.fake(1, generator=generator("one"))
    one = dataclasses.replace(one, masks=removal_masks(one.coverage, [[1]]))
    with pytest.raises(ValueError, match="at least 2"):
        build(encoder).loss(one)
    assert build(encoder, sigreg_weight=0.0).loss(one).sigreg == 0


def test_encode_offers_both_encoders(encoder: VisionTransformer, batch: SceneBatch) -> None:
    model = build(encoder)
    expected = model.target_encoder(batch.frames).dense()
    torch.testing.assert_close(model.encode(batch.frames), expected)
    expected = model.encoder(batch.frames).dense()
    torch.testing.assert_close(model.encode(batch.frames, target=False), expected)


@pytest.mark.parametrize("source", ["zero", "drop"])
def test_flops_are_those_counted(
    source: str, encoder: VisionTransformer, masked: SceneBatch
) -> None:
    model = build(encoder, intervention=source, sigreg_weight=0.0)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model.loss(masked).total.backward()
    # The first layer needs no gradient of its pixels: a forward pass less than the formula says.
    frames = encoder.patches.proj.in_features
    first = 2 * frames * 24 * masked.masks.context.total
    assert counter.get_total_flops() == pytest.approx(model.flops(masked) - first, rel=0.01)


def test_the_residual_loss_and_sigreg_are_parts(
    encoder: VisionTransformer, masked: SceneBatch
) -> None:
    summed = build(encoder, causal_loss=CausalResidualLoss("sum")).loss(masked)
    averaged = CausalResidualLoss("mean")
    other = build(encoder, causal_loss=averaged, sigreg=SketchedSigReg(directions=8))
    mean = other.loss(masked)
    torch.testing.assert_close(mean.causal * 24, summed.causal)
    assert mean.sigreg != summed.sigreg
    assert issubclass(SmallBatchWarning, UserWarning)


@pytest.mark.parametrize("full_sequence", [False, True])
def test_errors_on_hidden_tokens_are_the_training_loss(
    full_sequence: bool, encoder: VisionTransformer, masked: SceneBatch
) -> None:
    model = build(encoder, full_sequence=full_sequence, causal_weight=0.0)
    assert isinstance(model, PredictsHidden)
    masks = masked.masks
    assert masks is not None
    context = model.visible_latents(masked.frames, masks)
    assert context.shape == (masks.context.total, 24)
    predicted = model.predict_hidden(context, masks)
    target = model.target_latents(masked.frames)
    torch.testing.assert_close(target, model.encode(masked.frames))
    errors = model.hidden_errors(predicted, target.flatten(0, 1)[masks.target.index])
    assert not errors.requires_grad
    torch.testing.assert_close(sample_mean(errors, masks.target), model.loss(masked).prediction)
    student = model.encode(masked.frames, target=False).flatten(0, 1)[masks.context.index]
    assert not torch.allclose(context, student, atol=1e-3)  # hidden tokens were not seen
