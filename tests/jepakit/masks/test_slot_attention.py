"""Slot attention: symmetries, training on its own objective, and its coverage."""

import pytest
import torch

from jepakit.masks import ObjectMasker, SlotAssignment, SlotAttention
from jepakit.protocols import MaskInput
from jepakit.seeds import generator


def two_kinds_of_tokens(batch=24):
    """Tokens of two clusters that know their place; where one ends is drawn per sample."""
    gen = torch.Generator().manual_seed(0)
    centres = torch.randn(2, 12, generator=gen) * 3
    cut = torch.randint(4, 13, (batch, 1), generator=gen)
    kind = (torch.arange(16) < cut).long() ^ torch.randint(0, 2, (batch, 1), generator=gen)
    place = torch.linspace(-2, 2, 16).unsqueeze(1) * torch.randn(12, generator=gen)
    return centres[kind] + place, kind


def test_assignment_is_a_distribution_over_slots():
    tokens, _ = two_kinds_of_tokens(3)
    module = SlotAttention(12, tokens=16, slots=4, slot_width=8)
    found = module(tokens, generator=generator(0))
    assert found.assignment.shape == (3, 4, 16)
    assert found.slots.shape == (3, 4, 8)
    torch.testing.assert_close(found.assignment.sum(dim=1), torch.ones(3, 16))
    assert torch.equal(found.loss, module(tokens, generator=generator(0)).loss)
    assert not torch.equal(found.loss, module(tokens, generator=generator(1)).loss)


def test_slots_do_not_see_the_order_of_tokens():
    tokens, _ = two_kinds_of_tokens(2)
    module = SlotAttention(12, tokens=16, slots=3)
    order = torch.randperm(16)
    plain = module(tokens, generator=generator(0))
    mixed = module(tokens[:, order], generator=generator(0))
    torch.testing.assert_close(plain.slots, mixed.slots, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        plain.assignment[:, :, order], mixed.assignment, rtol=1e-4, atol=1e-5
    )


def test_training_reconstructs_and_divides_the_tokens():
    torch.manual_seed(0)
    tokens, kind = two_kinds_of_tokens()
    module, draws = SlotAttention(12, tokens=16, slots=2, slot_width=16, hidden=64), generator(0)
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-2)
    losses = []
    for _ in range(120):
        optimizer.zero_grad()
        loss = module(tokens, generator=draws).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None for parameter in module.parameters())
    assert sum(losses[-10:]) / 10 < 0.2 * losses[0]
    slot = module(tokens, generator=draws).assignment.argmax(dim=1)
    agreement = (slot == kind).float().mean(dim=1)
    assert torch.maximum(agreement, 1 - agreement).mean() > 0.65


def test_no_gradient_reaches_the_encoder():
    tokens = torch.randn(2, 16, 12, requires_grad=True)
    SlotAttention(12, tokens=16)(tokens).loss.backward()
    assert tokens.grad is None


def test_coverage_gives_each_token_to_one_slot_and_feeds_the_object_masker():
    gen = torch.Generator().manual_seed(0)
    assignment = torch.randn(2, 3, 16, generator=gen).softmax(dim=1)
    coverage = SlotAssignment(assignment, torch.zeros(2, 3, 8), torch.zeros(())).coverage((1, 4, 4))
    assert coverage.shape == (2, 3, 1, 4, 4)
    assert coverage.dtype == torch.uint8
    assert torch.equal(coverage.flatten(2).argmax(dim=1), assignment.argmax(dim=1))
    assert ((coverage == 255).sum(dim=1) == 1).all()
    assert ((coverage == 0) | (coverage == 255)).all()
    frames = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    mask = ObjectMasker(area=(0.05, 0.9))(MaskInput(coverage[0], frames), generator(0))
    hidden = assignment[0].argmax(dim=0)[mask.slots >= 0] + 1
    assert set(hidden.tolist()) == set(mask.objects)


def test_refusals():
    with pytest.raises(ValueError, match="slots must be at least 2"):
        SlotAttention(8, tokens=4, slots=1)
    with pytest.raises(ValueError, match="iterations must be at least 1, got 0"):
        SlotAttention(8, tokens=4, iterations=0)
    with pytest.raises(ValueError, match="Built for 4 tokens per sample, got 5"):
        SlotAttention(8, tokens=4)(torch.zeros(1, 5, 8))
