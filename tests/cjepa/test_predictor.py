import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cjepa.counterfactual import removal_masks
from cjepa.predictor import Predictor
from jepakit.batch import SceneBatch, TokenMasks
from jepakit.seeds import generator

WIRINGS = ["joint", "cross"]


def make(wiring: str) -> Predictor:
    torch.manual_seed(1)
    return Predictor(24, (2, 4, 4), width=16, depth=2, heads=2, wiring=wiring).double()  # type: ignore[arg-type]


def context_of(masks: TokenMasks) -> torch.Tensor:
    return torch.randn(masks.context.total, 24, generator=generator("c"), dtype=torch.float64)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_a_batch_is_its_samples_one_by_one(
    wiring: str, batch: SceneBatch, masks: TokenMasks
) -> None:
    predictor, context = make(wiring), context_of(masks)
    together = predictor(context, masks)
    rows = context.split(masks.context.lengths)
    ids = masks.objects
    alone = [
        predictor(rows[i], removal_masks(batch.coverage[i : i + 1], [ids[i]])) for i in range(3)
    ]
    torch.testing.assert_close(together.target, torch.cat([a.target for a in alone]))
    torch.testing.assert_close(together.residual, torch.cat([a.residual for a in alone]))


@pytest.mark.parametrize("wiring", WIRINGS)
def test_both_heads_hear_from_the_other_side(wiring: str, masks: TokenMasks) -> None:
    predictor, context = make(wiring), context_of(masks).requires_grad_()
    prediction = predictor(context, masks)
    gradient = torch.autograd.grad(prediction.target.square().sum(), context, retain_graph=True)[0]
    assert bool((gradient.abs().sum(1) > 0).all())
    gradient = torch.autograd.grad(prediction.residual.square().sum(), predictor.mask_token)[0]
    assert gradient.abs().sum() > 0


def test_slots_tell_objects_apart(masks: TokenMasks) -> None:
    predictor, context = make("joint"), context_of(masks)
    other = predictor(context, _with_slots(masks, masks.slot.roll(1)))
    same = predictor(context, _with_slots(masks, masks.slot.clone()))
    assert torch.equal(same.target, predictor(context, masks).target)
    assert not torch.allclose(other.target, same.target)


def _with_slots(masks: TokenMasks, slot: torch.Tensor) -> TokenMasks:
    import dataclasses

    return dataclasses.replace(masks, slot=slot)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_flops_are_those_counted(wiring: str, masks: TokenMasks) -> None:
    predictor, context = make(wiring), context_of(masks)
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        predictor(context, masks)
    expected = predictor.flops(masks.context.lengths, masks.target.lengths)
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.01)
