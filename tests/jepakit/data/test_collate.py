"""What a batch of decoded clips carries, under one mask and under several."""

import numpy as np
import pytest
import torch

from jepakit.data.collate import Clip, Pixels, collate
from jepakit.masks import MultiblockMasker, ReleasedTubes, SeveralMasks, Tubes
from jepakit.protocols import MaskInput
from jepakit.seeds import generator

GRID = (2, 4, 4)


def clips(keys="abc"):
    return [Clip(key, 5, np.zeros((n, *GRID), np.uint8), 0, {}) for n, key in enumerate(keys)]


def pixels(count=3):
    return Pixels(np.zeros((count, 4, 32, 32, 3), np.uint8))


def test_a_masker_of_samples_draws_with_seed_epoch_and_key():
    batch = collate(clips(), pixels(), masker=MultiblockMasker(), seed=9)
    for row, key in enumerate("abc"):
        sample = MaskInput(batch.coverage[row], batch.frames[row])
        alone = MultiblockMasker()(sample, generator(9, 5, key))
        hidden = batch.masks.target.position[batch.masks.target.sample == row]
        assert torch.equal(hidden, (alone.slots >= 0).nonzero().flatten())


@pytest.mark.parametrize("masker", [SeveralMasks([Tubes(), Tubes(2, scale=0.7)]), ReleasedTubes()])
def test_a_masker_of_batches_gives_its_views(masker):
    batch = collate(clips(), pixels(), masker=masker, seed=9)
    assert len(batch) == 3
    assert batch.masks.views == 2
    assert batch.masks.context.batch == 6
    again = collate(clips(), pixels(), masker=masker, seed=9)
    assert torch.equal(batch.masks.target.index, again.masks.target.index)
    other = collate(clips(), pixels(), masker=masker, seed=10)
    assert not torch.equal(batch.masks.target.index, other.masks.target.index)
    pinned = batch.to("cpu")
    assert pinned.masks.views == 2
