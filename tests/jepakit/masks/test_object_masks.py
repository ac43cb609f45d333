"""Object masking: Algorithm 2 as a property of many random scenes, and its limit cases."""

import collections

import numpy as np
import pytest
import torch

from jepakit.masks import MultiblockMasker, ObjectMasker, TubeMasker
from jepakit.protocols import MaskInput
from jepakit.seeds import generator

GRID = (2, 8, 8)
TOKENS = 128


def scene(boxes, grid=GRID, forced=0):
    """Coverage with object ``k`` filling ``(top, left, height, width)`` of all frames."""
    coverage = torch.zeros(len(boxes), *grid, dtype=torch.uint8)
    for row, (top, left, height, width) in enumerate(boxes):
        coverage[row, :, top : top + height, left : left + width] = 255
    return MaskInput(coverage, torch.zeros(grid[0], 8, 8, 3, dtype=torch.uint8), forced)


def random_scene(seed):
    """Up to 7 objects of any size, some of them barely touching their tokens, some absent."""
    draw = np.random.default_rng(seed)
    boxes = [(*draw.integers(0, 8, 2), *draw.integers(0, 9, 2)) for _ in range(draw.integers(0, 8))]
    sample = scene(boxes)
    sample.coverage.mul_(torch.from_numpy(draw.random(sample.coverage.shape) > 0.2))
    sample.coverage.clamp_(max=int(draw.integers(1, 256)))
    return sample


def shares(sample):
    """Share of the tokens that each object touches."""
    return (sample.coverage.flatten(1) > 0).float().mean(dim=1).tolist()


@pytest.mark.parametrize("seed", range(200))
def test_algorithm_2_on_random_scenes(seed):
    sample = random_scene(seed)
    mask = ObjectMasker()(sample, generator(seed))
    context, slots, area = mask.context > 0, mask.slots, shares(sample)
    touched = sample.coverage.flatten(1) > 0
    assert not (context & (slots >= 0)).any()
    assert context.sum() >= 0.1 * TOKENS
    assert (slots >= 0).any()
    eligible = [row for row, share in enumerate(area) if 0.05 <= share <= 0.40]
    assert mask.fallback == (not eligible)
    if mask.fallback:
        assert mask.objects == ()
        return
    rows = [identity - 1 for identity in mask.objects]
    assert 1 <= len(rows) <= 3
    assert len(set(rows)) == len(rows)
    assert set(rows) <= set(eligible)
    assert torch.equal(context, ~touched[rows].any(dim=0))  # every token of the objects, no other
    assert torch.equal(context, slots < 0)
    for token in (slots >= 0).nonzero().flatten().tolist():
        owner = rows[slots[token]]
        assert sample.coverage.flatten(1)[owner, token] == touched[rows][:, token].max() * (
            sample.coverage.flatten(1)[rows, token].max()
        )


def test_same_generator_same_mask_and_the_next_draw_differs():
    sample = scene([(0, 0, 3, 3), (0, 4, 3, 3), (4, 0, 3, 3), (4, 4, 3, 3)])
    masker, draws = ObjectMasker(), generator("run", 0, "key")
    first, second = masker(sample, draws), [masker(sample, draws) for _ in range(20)]
    again = masker(sample, generator("run", 0, "key"))
    assert torch.equal(first.slots, again.slots)
    assert first.objects == again.objects
    assert len({mask.objects for mask in second}) > 5


def test_numbers_and_choices_are_uniform():
    sample = scene([(0, 0, 3, 3), (0, 4, 3, 3), (4, 0, 3, 3), (4, 4, 3, 3)])
    masker, draws = ObjectMasker(), generator("uniform")
    masks = [masker(sample, draws) for _ in range(3000)]
    counts = collections.Counter(len(mask.objects) for mask in masks)
    assert all(abs(counts[m] / 3000 - 1 / 3) < 0.03 for m in (1, 2, 3))
    chosen = collections.Counter(identity for mask in masks for identity in mask.objects)
    total = sum(chosen.values())
    assert all(abs(chosen[identity] / total - 1 / 4) < 0.03 for identity in (1, 2, 3, 4))


def test_a_slot_number_means_no_object():
    sample = scene([(0, 0, 3, 3), (4, 4, 3, 3)])
    draws = generator("slots")
    slots = []
    for _ in range(600):
        mask = ObjectMasker()(sample, draws)
        if len(mask.objects) == 2:
            slots.append(int(mask.slots[0]))
            assert {int(mask.slots[0]), int(mask.slots[36])} == {0, 1}
    assert abs(sum(slots) / len(slots) - 0.5) < 0.1


def test_a_shared_token_goes_to_the_object_that_covers_more_of_it():
    sample = scene([(0, 0, 3, 4), (0, 3, 3, 4)])
    sample.coverage[0, :, 1, 3] = 100
    draws = generator("overlap")
    masks = [ObjectMasker()(sample, draws) for _ in range(20)]
    both = [mask for mask in masks if len(mask.objects) == 2]
    assert both
    for mask in both:
        assert mask.objects[mask.slots[8 + 3]] == 2


@pytest.mark.parametrize(
    ("boxes", "why"),
    [
        ([], "no objects"),
        ([(0, 0, 8, 8)], "one object covers everything"),
        ([(0, 0, 8, 8)] * 5, "all objects cover everything"),
        ([(0, 0, 1, 2), (5, 5, 1, 1)], "all objects are too small"),
        ([(0, 0, 0, 0)], "the only object is not in view"),
    ],
)
def test_without_an_eligible_object_blocks_are_used(boxes, why):
    mask = ObjectMasker()(scene(boxes), generator(why))
    assert mask.fallback
    assert mask.objects == ()
    assert mask.context.any()
    assert (mask.slots >= 0).any()
    blocks = MultiblockMasker()(scene(boxes), generator(why))
    if not boxes:  # nothing was drawn for objects but their number
        assert blocks.context.shape == mask.context.shape


def test_area_bounds_are_inclusive_and_count_the_whole_clip():
    half = scene([(0, 0, 4, 8)])  # 50 % of the one frame it is in, 25 % of the clip
    half.coverage[:, 1] = 0
    assert ObjectMasker()(half, generator(0)).objects == (1,)
    exact = ObjectMasker(area=(0.25, 0.25))
    assert exact(half, generator(0)).objects == (1,)
    assert ObjectMasker(area=(0.26, 0.5))(half, generator(0)).fallback
    assert ObjectMasker(area=(0.05, 0.24))(half, generator(0)).fallback


def test_one_covered_pixel_makes_a_token_the_objects():
    sample = scene([(0, 0, 4, 4)])
    sample.coverage.clamp_(max=1)
    assert int((ObjectMasker()(sample, generator(0)).slots >= 0).sum()) == 32


def test_the_guard_gives_up_the_largest_object_first():
    thirds = [(0, 0, 8, 3), (0, 3, 8, 3), (0, 6, 8, 2)]  # 48, 48 and 32 of 128 tokens
    masker, draws = ObjectMasker(), generator("guard")
    for _ in range(50):
        mask = masker(scene(thirds), draws)
        assert len(mask.objects) <= 2  # all three leave nothing visible
    strict = ObjectMasker(min_context=0.7, fallback=MultiblockMasker())
    # 48 tokens are too many, 32 are not: the third object stays in 1/3, 2/3 and 3/3 of the draws
    # of one, two and three objects. Smallest first, it would stay in 1/3 of the draws of one only.
    kept = [strict(scene(thirds), draws).objects for _ in range(300)]
    assert set(kept) == {(3,), ()}
    assert abs(kept.count((3,)) / 300 - 2 / 3) < 0.1
    fallen = ObjectMasker(min_context=0.76, fallback=MultiblockMasker())
    assert fallen(scene(thirds), draws).fallback


@pytest.mark.parametrize("seed", range(10))
def test_a_forced_object_is_hidden_alone_whatever_its_area(seed):
    boxes = [(0, 0, 1, 1), (0, 4, 3, 3), (4, 0, 4, 8)]
    for forced in (1, 2, 3):
        mask = ObjectMasker()(scene(boxes, forced=forced), generator(seed))
        assert mask.objects == (forced,)
        assert not mask.fallback
        assert torch.equal(mask.slots >= 0, scene(boxes).coverage[forced - 1].flatten() > 0)


def test_a_forced_object_that_cannot_be_hidden_is_not_named():
    everything = scene([(0, 0, 8, 8), (0, 0, 3, 3)], forced=1)
    assert ObjectMasker()(everything, generator(0)).fallback  # the guard wins
    unseen = scene([(0, 0, 0, 0), (0, 0, 3, 3)], forced=1)
    assert ObjectMasker()(unseen, generator(0)).objects == (2,)


def test_most_slots():
    assert ObjectMasker().max_slots == 4  # I-JEPA's four blocks
    assert ObjectMasker(6).max_slots == 6
    assert ObjectMasker(fallback=TubeMasker()).max_slots == 8


def test_refusals():
    with pytest.raises(ValueError, match="max_objects must be at least 1, got 0"):
        ObjectMasker(0)
    with pytest.raises(ValueError, match=r"area must rise within \[0, 1\], got \(0.4, 0.1\)"):
        ObjectMasker(area=(0.4, 0.1))
    with pytest.raises(ValueError, match=r"min_context must be at least 0 and below 1, got 1\.0"):
        ObjectMasker(min_context=1.0)
    with pytest.raises(ValueError, match=r"area 0.9 or more always leaves less than"):
        ObjectMasker(area=(0.9, 1.0), min_context=0.2)
    with pytest.raises(ValueError, match="forced object is 3, but coverage holds 2 objects"):
        ObjectMasker()(scene([(0, 0, 3, 3)] * 2, forced=3), generator(0))
    with pytest.raises(ValueError, match="A grid of 1 tokens"):
        ObjectMasker()(scene([(0, 0, 1, 1)], grid=(1, 1, 1)), generator(0))
