"""I-JEPA and V-JEPA blocks: promises over many grids, statistics, refusals."""

import itertools

import numpy as np
import pytest
import torch

from jepakit.masks import MultiblockMasker, TubeMasker
from jepakit.masks.blocks import BlockSize, draw_blocks
from jepakit.masks.multiblock import paint
from jepakit.protocols import MaskInput
from jepakit.seeds import generator


def blank(grid):
    """A sample of which geometric maskers see the grid only."""
    coverage = torch.zeros(0, *grid, dtype=torch.uint8)
    return MaskInput(coverage, torch.zeros(grid[0], 8, 8, 3, dtype=torch.uint8))


MASKERS = [
    MultiblockMasker(),
    MultiblockMasker(1, scale=(0.5, 0.6), context_scale=(0.8, 0.9), min_context=0.2),
    MultiblockMasker(min_context=0.6, scale=(0.05, 0.2)),
    TubeMasker(),
    TubeMasker(min_context=0.3),
    TubeMasker(long_share=1.0, attempts=1),
]
GRIDS = [
    (1, 14, 14),
    (8, 14, 14),
    (2, 7, 12),
    (4, 4, 4),
    (3, 2, 2),
    (1, 1, 6),
    (2, 1, 1),
    (1, 1, 2),
]


@pytest.mark.parametrize("masker", MASKERS, ids=lambda masker: type(masker).__name__)
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_every_draw_keeps_the_promises(masker, grid):
    tokens = grid[0] * grid[1] * grid[2]
    needed = max(1, masker.min_context * tokens - 1e-9)
    for seed in range(60):
        if needed > tokens - 1:
            with pytest.raises(ValueError, match=f"A grid of {tokens} tokens"):
                masker(blank(grid), generator(seed))
            continue
        mask = masker(blank(grid), generator(seed))
        hidden = mask.slots >= 0
        assert mask.context.shape == mask.slots.shape == (tokens,)
        assert not ((mask.context > 0) & hidden).any()
        assert mask.context.sum() >= needed
        assert hidden.any()
        assert mask.slots.max() < masker.max_slots
        assert mask.objects == ()
        assert not mask.fallback


@pytest.mark.parametrize("masker", [MultiblockMasker(), TubeMasker()])
def test_blocks_span_all_frames(masker):
    mask = masker(blank((4, 8, 8)), generator(0))
    for layer in (mask.context, mask.slots):
        frames = layer.reshape(4, 64)
        assert (frames == frames[0]).all()


@pytest.mark.parametrize("masker", [MultiblockMasker(), TubeMasker()])
def test_same_generator_same_mask_and_the_next_draw_differs(masker):
    draws = generator("key")
    first = masker(blank((1, 14, 14)), draws)
    assert torch.equal(first.slots, masker(blank((1, 14, 14)), generator("key")).slots)
    assert not torch.equal(first.slots, masker(blank((1, 14, 14)), draws).slots)


def test_tubes_hide_or_show_every_token_and_multiblock_leaves_some_out():
    tubes = TubeMasker()(blank((2, 14, 14)), generator(0))
    assert torch.equal(tubes.context > 0, tubes.slots < 0)
    left_out = 0
    for seed in range(50):
        mask = MultiblockMasker()(blank((1, 14, 14)), generator(seed))
        left_out += int(((mask.context == 0) & (mask.slots < 0)).sum())
    assert left_out > 0


def test_targets_that_leave_too_little_context_are_dropped_whole():
    masker = MultiblockMasker(scale=(0.15, 0.2), context_scale=(0.85, 0.86), min_context=0.6)
    for seed in range(50):
        mask = masker(blank((1, 14, 14)), generator(seed))
        assert mask.context.sum() >= 0.6 * 196
        rows, columns = mask.context.reshape(14, 14).nonzero().unbind(1)
        assert len(rows.unique()) * len(columns.unique()) <= 13 * 13  # the context's own rectangle


def test_block_sizes_and_places_follow_their_ranges():
    size = BlockSize((0.15, 0.20), (0.75, 1.5))
    areas, aspects, tops = [], [], []
    for block in itertools.chain(*(draw_blocks(size, 4, 40, 40, generator(s)) for s in range(500))):
        rows, columns = block.any(axis=1), block.any(axis=0)
        height, width = rows.sum(), columns.sum()
        assert block.sum() == height * width  # a rectangle
        areas.append(height * width / 1600)
        aspects.append(height / width)
        tops.append(rows.argmax() / (40 - height))
    assert min(areas) > 0.15 - 0.01
    assert max(areas) < 0.20 + 0.01
    assert np.mean(areas) == pytest.approx(0.175, abs=0.002)
    assert min(aspects) > 0.75 - 0.06
    assert max(aspects) < 1.5 + 0.12
    assert np.mean(aspects) == pytest.approx(1.125, abs=0.02)
    assert (min(tops), max(tops)) == (0, 1)
    assert np.mean(tops) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("long_share", "visible"), [(0.0, 0.399), (1.0, 0.188)])
def test_tubes_leave_as_much_visible_as_the_official_masks(long_share, visible):
    """V-JEPA 2's own generator at 16 x 16 tokens leaves 39.9 % and 18.8 % before its cut."""
    masker = TubeMasker(long_share=long_share, min_context=0.0)
    draws = generator("statistics")
    share = [masker(blank((1, 16, 16)), draws).context.float().mean() for _ in range(600)]
    assert float(sum(share)) / 600 == pytest.approx(visible, abs=0.02)


def test_long_and_short_masks_are_drawn_by_share():
    draws = generator("share")
    slots = [
        int(TubeMasker(long_share=0.25)(blank((1, 16, 16)), draws).slots.max()) for _ in range(400)
    ]
    assert sum(slot > 1 for slot in slots) / 400 == pytest.approx(0.75, abs=0.06)


def test_the_first_block_wins_an_overlap():
    first, second = np.zeros((2, 3), dtype=bool), np.zeros((2, 3), dtype=bool)
    first[:, :2], second[:, 1:] = True, True
    assert paint([first, second], [1, 0]).tolist() == [[1, 1, 0], [1, 1, 0]]


def test_slot_numbers_mean_no_place_in_the_draw():
    complete = [0] * 4
    for seed in range(200):
        mask = MultiblockMasker()(blank((1, 14, 14)), generator(seed))
        counts = [int((mask.slots == slot).sum()) for slot in range(4)]
        complete[counts.index(max(counts))] += 1
    assert min(complete) > 25  # unpermuted, the first slot would be largest far more often


def test_refusals():
    with pytest.raises(ValueError, match="blocks must be at least 1, got 0"):
        MultiblockMasker(0)
    with pytest.raises(ValueError, match=r"scale must rise within \(0, 1\], got \(0.0, 0.2\)"):
        MultiblockMasker(scale=(0.0, 0.2))
    with pytest.raises(ValueError, match="aspect must rise and be above 0"):
        MultiblockMasker(aspect=(1.5, 0.75))
    with pytest.raises(ValueError, match=r"A context of 0\.5 minus a target of 0\.6 is below"):
        MultiblockMasker(scale=(0.5, 0.6), context_scale=(0.5, 1.0))
    with pytest.raises(ValueError, match="min_context must be at least 0"):
        MultiblockMasker(min_context=-0.1)
    with pytest.raises(ValueError, match=r"attempts \(0\) must be at least 1"):
        TubeMasker(attempts=0)
    with pytest.raises(ValueError, match=r"long_share must be within \[0, 1\], got 2.0"):
        TubeMasker(long_share=2.0)
    with pytest.raises(ValueError, match=r"One tube of 0\.95 leaves less than min_context"):
        TubeMasker(long_scale=0.95)
    with pytest.raises(ValueError, match="min_context must be"):
        TubeMasker(min_context=1.0)
