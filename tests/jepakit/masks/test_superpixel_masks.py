"""Superpixels follow the picture, and are hidden by the rule for objects."""

import pytest
import torch

from jepakit.masks import SuperpixelMasker
from jepakit.protocols import MaskInput
from jepakit.seeds import generator

SOURCES = ["first", "mean", "volume"]


def patchwork(frames=4, size=64, patch=8, tubelet=2):
    """Four flat quarters in four colours, cut along token borders."""
    clip = torch.zeros(frames, size, size, 3, dtype=torch.uint8)
    half = size // 2
    clip[:, :half, :half, 0] = 220
    clip[:, :half, half:, 1] = 220
    clip[:, half:, :half, 2] = 220
    grid = frames // tubelet, size // patch, size // patch
    return MaskInput(torch.zeros(0, *grid, dtype=torch.uint8), clip)


@pytest.mark.parametrize("source", SOURCES)
def test_segments_keep_to_the_colours(source):
    masker = SuperpixelMasker(segments=4, source=source)
    for seed in range(10):
        mask = masker(patchwork(), generator(seed))
        quarters = (mask.slots >= 0).reshape(2, 2, 4, 2, 4).float().mean(dim=(0, 2, 4))
        assert not mask.fallback
        assert mask.objects == ()
        assert torch.equal(mask.context > 0, mask.slots < 0)
        assert ((quarters == 0) | (quarters == 1)).all()


@pytest.mark.parametrize("source", SOURCES)
def test_promises_on_noise(source):
    gen = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (4, 48, 64, 3), generator=gen).to(torch.uint8)
    sample = MaskInput(torch.zeros(2, 2, 6, 8, dtype=torch.uint8), frames, forced=2)
    masker = SuperpixelMasker(source=source)
    mask = masker(sample, generator(0))
    assert mask.context.sum() >= 0.1 * 96
    assert (mask.slots >= 0).any()
    assert mask.slots.max() < masker.max_slots
    again = masker(sample, generator(0))
    assert torch.equal(mask.slots, again.slots)


def test_two_draws_differ():
    draws, masker = generator("draws"), SuperpixelMasker(segments=4)
    assert len({tuple(masker(patchwork(), draws).slots.tolist()) for _ in range(12)}) > 3


def test_a_moving_block_is_followed_by_the_volume_only():
    sample = patchwork(frames=2, tubelet=1)
    sample.frames[1] = sample.frames[1].flip(0)
    coverage = {s: SuperpixelMasker(source=s)._coverage(sample.frames, (2, 8, 8)) for s in SOURCES}
    assert torch.equal(coverage["first"][:, 0], coverage["first"][:, 1])
    assert not torch.equal(coverage["volume"][:, 0], coverage["volume"][:, 1])


def test_refusals():
    with pytest.raises(ValueError, match=r"segments must be within 2 .. 128, got 1"):
        SuperpixelMasker(1)
    with pytest.raises(ValueError, match="compactness must be above 0, got 0"):
        SuperpixelMasker(compactness=0.0)
    with pytest.raises(ValueError, match="cells must be at least 1, got 0"):
        SuperpixelMasker(cells=0)
    odd = MaskInput(patchwork().coverage, torch.zeros(4, 60, 64, 3, dtype=torch.uint8))
    with pytest.raises(ValueError, match="Frames of 4 x 60 x 64 do not divide"):
        SuperpixelMasker()(odd, generator(0))
