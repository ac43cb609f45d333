"""How much of a clip is kept, and when: the same in every batch, unless lists are cut as released.

The released collator's own figures, 256 px and 16 frames, 60 batches of each size: 24 clips keep
24.8 % and 46.5 % under 8 tubes of 0.15, and 6.4 % and 70.4 % under 2 of 0.7.
"""

import pytest
import torch

from jepakit.masks import ReleasedTubes, SeveralMasks, Tubes, draw_masks
from jepakit.protocols import MaskInput

GRID = (8, 16, 16)
SAMPLE = MaskInput(
    torch.zeros(0, *GRID, dtype=torch.uint8), torch.zeros(1, 1, 1, 3, dtype=torch.uint8)
)
NONE = SeveralMasks([Tubes(8, scale=0.15), Tubes(2, scale=0.7)])


def drawn(masker, batch, clips):
    """Masks of the same clips, in batches of this size."""
    keys = list(range(clips))
    return [
        draw_masks(masker, [SAMPLE] * batch, [(0, 0, key) for key in keys[start : start + batch]])
        for start in range(0, clips, batch)
    ]


def shares(batches):
    """Mean context and target share of each view, in points: ``(views, 2)``."""
    kept = [[(s.context, s.target) for s in masks.shares()] for masks in batches]
    return 100 * torch.tensor(kept, dtype=torch.float64).mean(dim=0)


def late_use(batches):
    """Tokens used in the last tubelet over tokens used in the first: ``(views, 2)``."""
    counts = torch.zeros(2, 2, GRID[0])
    for masks in batches:
        for side, kept in enumerate((masks.context, masks.target)):
            view, tubelet = kept.sample // masks.clips, kept.position // (GRID[1] * GRID[2])
            counts[:, side] += torch.bincount(view * 8 + tubelet, minlength=16).view(2, 8)
    return counts[..., -1] / counts[..., 0]


def masks_of_clips(batches, view):
    """Target positions of every clip under one mask."""
    found = []
    for masks in batches:
        parts = masks.target.position.split(masks.target.lengths)
        found += parts[view * masks.clips : (view + 1) * masks.clips]
    return found


@pytest.mark.parametrize("view", [0, 1])
def test_a_clip_is_masked_alike_in_a_batch_of_any_size(view):
    alone = masks_of_clips(drawn(NONE, 1, 24), view)
    for batch in (4, 24):
        together = masks_of_clips(drawn(NONE, batch, 24), view)
        assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_without_the_cut_shares_do_not_depend_on_the_batch_and_are_even_in_time():
    reference = shares(drawn(NONE, 1, 128))
    assert torch.allclose(reference.sum(dim=1), torch.tensor([100.0, 100.0]).double())
    for batch in (4, 32, 128):  # the bars are 0.5 and 2 points; these are the same clips
        batches = drawn(NONE, batch, 128)
        assert (shares(batches) - reference).abs().max() < 1e-9
        assert torch.equal(late_use(batches), torch.ones(2, 2))


FLAT = MaskInput(torch.zeros(0, 1, 16, 16, dtype=torch.uint8), SAMPLE.frames)
"""Tubes span all tubelets: one has the shares of eight."""


def test_uncut_official_masks_keep_as_much_as_ours():
    places, masker, official = torch.Generator().manual_seed(0), ReleasedTubes(), []
    for call in range(1200):
        kinds = masker.draw((1, 16, 16), 1, size_seed=call, places=places)
        official.append([100 * kind.context.double().mean() for kind in kinds])
    ours = shares([draw_masks(NONE, [FLAT], [(0, 0, key)]) for key in range(1200)])[:, 0]
    # Standard error of a difference: 0.3 points.
    assert (torch.tensor(official).mean(dim=0) - ours).abs().max() < 1.0


def test_the_official_cut_hides_more_the_larger_the_batch_and_keeps_the_start():
    table = {batch: shares(drawn(ReleasedTubes(), batch, 288)) for batch in (1, 4, 24)}
    assert (table[1] > table[4]).all()
    assert (table[4] > table[24]).all()
    recorded = torch.tensor([[24.8, 46.5], [6.4, 70.4]])
    assert (table[24] - recorded).abs().max() < 3  # 12 batches; over 320 it is 1.1
    late = late_use(drawn(ReleasedTubes(), 24, 288))
    assert late[:, 0].max() < 0.15
    assert late[:, 1].max() < 0.35
