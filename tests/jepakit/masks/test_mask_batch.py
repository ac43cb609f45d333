"""Masks of samples against the packed masks of the batch."""

import pytest
import torch

from jepakit.batch import SceneBatch
from jepakit.masks import ObjectMasker, mask_batch
from jepakit.protocols import MaskInput, SampleMask
from jepakit.seeds import generator


def test_a_batch_holds_every_token_of_every_sample():
    batch = SceneBatch.fake(6, frames=4, size=64, patch=8, objects=4)
    masker = ObjectMasker()
    masks = [masker(MaskInput(batch.coverage[i], batch.frames[i]), generator(i)) for i in range(6)]
    packed = mask_batch(masks, (2, 8, 8))
    for i, mask in enumerate(masks):
        visible = packed.context.position[packed.context.sample == i]
        hidden = packed.target.sample == i
        assert torch.equal(visible, mask.context.nonzero().flatten())
        positions = packed.target.position[hidden]
        assert torch.equal(positions, (mask.slots >= 0).nonzero().flatten())
        assert torch.equal(packed.slot[hidden], mask.slots[positions])
    assert packed.context.lengths == tuple(int(mask.context.sum()) for mask in masks)
    assert packed.objects == tuple(mask.objects for mask in masks)
    assert packed.fallback == tuple(mask.fallback for mask in masks)


def test_refusals():
    with pytest.raises(ValueError, match="at least one sample's mask"):
        mask_batch([], (1, 2, 2))
    good = SampleMask(torch.tensor([1, 0, 1, 1]), torch.tensor([-1, 0, -1, -1]))
    with pytest.raises(ValueError, match=r"Masks \[0, 1\] do not have the 8 tokens"):
        mask_batch([good, good], (2, 2, 2))
    blind = SampleMask(torch.zeros(4, dtype=torch.int64), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"at least one context token; \[1\] have none"):
        mask_batch([good, blind], (1, 2, 2))
